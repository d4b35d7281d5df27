-- Whose spend changed most against the period before, which is as long and ends where this one begins?
-- `by` as in usage. USD; change_ratio is change over what was before (0.5: half as much again), NULL where before was nothing.
-- A value that is in one period only counts as 0 in the other; one whose cost is unknown in a period has an unknown change.
-- Both periods are read at once: whole hours from a rollup, and the hours that either begins or ends in from their rows.
CREATE OR REPLACE VIEW spanledger.movers AS
SELECT
    value,
    sumIf(calls, now) AS calls_now,
    sumIf(calls, NOT now) AS calls_before,
    if(calls_now = 0, 0, sumIf(cost_usd, now)) AS cost_usd_now,
    if(calls_before = 0, 0, sumIf(cost_usd, NOT now)) AS cost_usd_before,
    cost_usd_now - cost_usd_before AS change_usd,
    toFloat64(change_usd) / nullIf(toFloat64(cost_usd_before), 0) AS change_ratio
FROM
(
    SELECT
        value, now, sum(calls_) AS calls, sum(cost_usd_) AS known_cost,
        sumIf(calls_, cost_status != 'free') AS billable_calls,
        -- as in usage: where every billable call is unpriced, what was spent is not known
        if(billable_calls > 0 AND billable_calls = sumIf(calls_, cost_status = 'unpriced'), NULL, known_cost) AS cost_usd
    FROM
    (
        WITH {from:DateTime('UTC')} - ({to:DateTime('UTC')} - {from:DateTime('UTC')}) AS before_from
        SELECT @value, hour >= {from:DateTime('UTC')} AS now, cost_status, sum(calls) AS calls_, sum(cost_usd) AS cost_usd_
        FROM spanledger.ledger
        WHERE hour >= toStartOfHour(before_from + INTERVAL 3599 SECOND) AND hour < toStartOfHour({to:DateTime('UTC')})
          AND (hour < toStartOfHour({from:DateTime('UTC')}) OR hour >= {from:DateTime('UTC')})
          AND @passes_filters
        GROUP BY ALL
        UNION ALL
        WITH {from:DateTime('UTC')} - ({to:DateTime('UTC')} - {from:DateTime('UTC')}) AS before_from
        SELECT @value, minute >= {from:DateTime('UTC')} AS now, cost_status, sum(calls) AS calls_, sum(cost_usd) AS cost_usd_
        FROM spanledger.ledger
        WHERE hour >= toStartOfHour(before_from) AND hour < {to:DateTime('UTC')}
          AND (hour < toStartOfHour(before_from + INTERVAL 3599 SECOND) OR hour >= toStartOfHour({to:DateTime('UTC')})
            OR (hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {from:DateTime('UTC')}))
          AND minute >= before_from AND minute < {to:DateTime('UTC')}
          AND @passes_filters
        GROUP BY ALL
    )
    GROUP BY value, now
    HAVING calls != 0 OR known_cost != 0
)
GROUP BY value
