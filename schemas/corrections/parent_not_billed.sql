-- The charges of calls that did not say what they used and were left to a span above them that has since been found not to bill
-- them. Parameters as in `billed_by_child.sql`.
WITH RECURSIVE
@unbilled_calls,
settled AS
(
    SELECT cityHash64(project, trace_id, span_id) AS id
    FROM spanledger.ledger
    WHERE timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
    GROUP BY id
    HAVING sum(calls) > 0 OR countIf(reason = 'same_call') > 0
)
SELECT
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, toStartOfMonth(timestamp) AS period,
    'charge' AS kind, 'parent_not_billed' AS reason, 0 AS refers_to,
    project, timestamp, trace_id, span_id, operation, provider, model, service_name, environment, team, feature, customer, user_id,
    session_id, prompt_name, prompt_version, service_tier, 1 AS calls,
    NULL AS input_uncached, NULL AS cache_read, NULL AS cache_write_5m, NULL AS cache_write_1h, NULL AS audio_in, NULL AS output_text,
    NULL AS reasoning, NULL AS audio_out, isNotNull(cache_read_tokens) AS reports_cache, notEmpty(usage_flags) AS usage_flagged,
    coalesce(unbilled_cost_usd, spans.cost_usd) AS cost_usd, if(isNull(cost_usd), 'unpriced', 'reported') AS cost_status,
    '' AS price_id, '' AS price_version, duration_ns, ttft_ns, status, error_type, {segment:UInt64} AS segment
FROM spanledger.spans
WHERE cityHash64(trace_id) IN {found:Array(UInt64)}
  AND timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
  AND cityHash64(project, trace_id, span_id) IN (SELECT id FROM links WHERE kind = 2)
  AND cityHash64(project, trace_id, span_id) NOT IN (SELECT id FROM unbilled)
  AND cityHash64(project, trace_id, span_id) NOT IN (SELECT id FROM settled)
ORDER BY received_at, segment
LIMIT 1 BY project, trace_id, span_id
