-- What was reported more than once and billed once, and what would it have cost besides? By reason and model.
-- `reason`: billed_by_child (another span of the trace is the call), same_call (a span of another trace is), wrapper (no call: an agent
-- or a chain that repeats what its calls used). USD, NULL where no such span has a known cost. What one segment showed comes from
-- spans, and goes with them; what was found later is in the ledger.
CREATE OR REPLACE VIEW spanledger.suppressed AS
SELECT reason, model, sum(spans_) AS spans, sum(cost_usd_) AS cost_usd
FROM
(
    SELECT if(has(@billable_operations, operation), 'billed_by_child', 'wrapper') AS reason, model::String AS model, toInt64(count()) AS spans_, sum(unbilled_cost_usd) AS cost_usd_
    FROM spanledger.spans
    WHERE NOT billing_owner AND (isNotNull(unbilled_cost_usd) OR has(@billable_operations, operation))
      AND timestamp >= toDateTime64({from:DateTime('UTC')}, 9, 'UTC') AND timestamp < toDateTime64({to:DateTime('UTC')}, 9, 'UTC')
      AND @passes_filters
    GROUP BY reason, model
    UNION ALL
    SELECT if(reason = 'same_call', 'same_call', 'billed_by_child') AS reason, model::String AS model, -sum(calls) AS spans_, -sum(cost_usd) AS cost_usd_
    FROM spanledger.ledger AS postings
    WHERE postings.reason IN ('billed_by_child', 'parent_not_billed', 'same_call')
      AND hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')}
      AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
      AND @passes_filters
    GROUP BY reason, model
)
GROUP BY reason, model
ORDER BY cost_usd DESC NULLS LAST, reason, model
