-- Which traces come next? A page of them by `hash` of their id, first of two steps: `traces` has their figures.
-- A trace is one whose span passes the filters. `sort`: newest (its last such span first), dearest, slowest. A page goes on
-- after the `rank` and `hash` of the last row before it: pass them as `before_rank`, `before_hash`; the largest numbers for the first page.
-- `totals` = 1 adds up whole traces, as dearest, slowest and the bounds need (a maximum of 0 is none; money in USD, durations in ns): every
-- span of the range is then read, and what an hour before and after belongs to them. With 0, only spans that pass are.
-- For the newest, ask a short range first, and a longer one while the page is not full: any range that ends at `to` is in order.
CREATE OR REPLACE VIEW spanledger.trace_page AS
SELECT
    hash, multiIf({sort:String} = 'dearest', nano_usd, {sort:String} = 'slowest', last_ns - first_ns, at_ns) AS rank
FROM
(
    SELECT
        cityHash64(trace_id) AS hash,
        max(if(timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')} AND @span_passes, toUnixTimestamp64Nano(timestamp), 0)) AS at_ns,
        if({totals:Bool}, sum(if({totals:Bool} AND billing_owner, ifNull(toInt64(cost_usd * 1000000000), 0), 0)), 0) AS nano_usd,
        if({totals:Bool}, sum(if({totals:Bool} AND billing_owner, ifNull(input_tokens, 0) + ifNull(output_tokens, 0), 0)), 0) AS tokens,
        if({totals:Bool}, min(if({totals:Bool}, toUnixTimestamp64Nano(timestamp), 0)), 0) AS first_ns,
        if({totals:Bool}, max(if({totals:Bool}, toUnixTimestamp64Nano(timestamp) + toInt64(duration_ns), 0)), 0) AS last_ns
    FROM spanledger.spans
    WHERE timestamp >= {from:DateTime('UTC')} - toIntervalHour({totals:Bool}) AND timestamp < {to:DateTime('UTC')} + toIntervalHour({totals:Bool})
      AND received_at >= {from:DateTime('UTC')} - INTERVAL @future_hours HOUR
      AND ({totals:Bool} OR (@span_passes))
    GROUP BY hash
)
WHERE at_ns > 0 AND (rank, hash) < ({before_rank:Int64}, {before_hash:UInt64})
  AND (NOT {totals:Bool} OR (
        nano_usd >= {min_cost_usd:Float64} * 1e9 AND ({max_cost_usd:Float64} = 0 OR nano_usd <= {max_cost_usd:Float64} * 1e9)
    AND last_ns - first_ns >= {min_duration_ns:UInt64} AND ({max_duration_ns:UInt64} = 0 OR last_ns - first_ns <= {max_duration_ns:UInt64})
    AND tokens >= {min_tokens:UInt64} AND ({max_tokens:UInt64} = 0 OR tokens <= {max_tokens:UInt64})))
ORDER BY rank DESC, hash DESC
LIMIT {limit:UInt32}
SETTINGS max_bytes_before_external_group_by = 100000000
