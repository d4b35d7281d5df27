-- Which traces come next? A page of them by `hash` of their id, first of two steps: `traces` has their figures.
-- A trace is one whose span passes the filters. `sort`: newest (its last such span first), dearest, slowest. A page goes on
-- after the `rank` and `hash` of the last row before it: pass them as `before_rank`, `before_hash`; the largest numbers for the first page.
-- `totals` = 1 adds up whole traces, as dearest, slowest and the bounds need (a maximum of 0 is none; money in USD, durations in ns): every
-- span of the range is then read, and what an hour before and after belongs to them, but no column that neither the order nor a bound asks
-- for. With 0, only spans that pass are. Money as the ledger has it, corrections and all.
-- For the newest, ask a short range first, and a longer one while the page is not full: any range that ends at `to` is in order.
CREATE OR REPLACE VIEW spanledger.trace_page AS
WITH
    {totals:Bool} AND ({sort:String} = 'dearest' OR {min_cost_usd:Float64} > 0 OR {max_cost_usd:Float64} > 0) AS of_cost,
    {totals:Bool} AND ({sort:String} = 'slowest' OR {min_duration_ns:UInt64} > 0 OR {max_duration_ns:UInt64} > 0) AS of_time,
    {totals:Bool} AND ({min_tokens:UInt64} > 0 OR {max_tokens:UInt64} > 0) AS of_tokens,
    posted_nano_usd + ifNull(nano_usd_, 0) AS nano_usd, posted_tokens + ifNull(tokens_, 0) AS tokens
SELECT
    hash, multiIf({sort:String} = 'dearest', nano_usd, {sort:String} = 'slowest', last_ns - first_ns, at_ns) AS rank
FROM
(
    SELECT
        cityHash64(trace_id) AS hash,
        max(timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')} AND @span_passes) AS found,
        -- A day has millions of traces, and a column that nothing asks for is a constant here, which costs nothing.
        max(if({sort:String} = 'newest',
            if(timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')} AND @span_passes, toUnixTimestamp64Nano(timestamp), 0), 0)) AS at_ns,
        min(if(of_time, toUnixTimestamp64Nano(timestamp), 0)) AS first_ns,
        max(if(of_time, toUnixTimestamp64Nano(timestamp) + toInt64(duration_ns), 0)) AS last_ns,
        sum(if(of_cost, if(billing_owner, ifNull(toInt64(cost_usd * 1000000000), 0), 0), 0)) AS posted_nano_usd,
        sum(if(of_tokens, if(billing_owner, toInt64(ifNull(input_tokens, 0) + ifNull(output_tokens, 0)), 0), 0)) AS posted_tokens
    FROM spanledger.spans
    WHERE timestamp >= {from:DateTime('UTC')} - toIntervalHour({totals:Bool}) AND timestamp < {to:DateTime('UTC')} + toIntervalHour({totals:Bool})
      AND received_at >= {from:DateTime('UTC')} - INTERVAL @future_hours HOUR
      AND ({totals:Bool} OR (@span_passes))
    GROUP BY hash
) AS posted
LEFT JOIN
(
    SELECT cityHash64(trace_id) AS hash, if(of_cost, toInt64(cost_usd_ * 1000000000), 0) AS nano_usd_, if(of_tokens, input_tokens_ + output_tokens_, 0) AS tokens_
    FROM (SELECT trace_id, @corrections_around AND (of_cost OR of_tokens) GROUP BY trace_id)
) AS corrected USING (hash)
WHERE found AND (rank, hash) < ({before_rank:Int64}, {before_hash:UInt64})
  AND (NOT {totals:Bool} OR (
        nano_usd >= {min_cost_usd:Float64} * 1e9 AND ({max_cost_usd:Float64} = 0 OR nano_usd <= {max_cost_usd:Float64} * 1e9)
    AND last_ns - first_ns >= {min_duration_ns:UInt64} AND ({max_duration_ns:UInt64} = 0 OR last_ns - first_ns <= {max_duration_ns:UInt64})
    AND tokens >= {min_tokens:UInt64} AND ({max_tokens:UInt64} = 0 OR tokens <= {max_tokens:UInt64})))
ORDER BY rank DESC, hash DESC
LIMIT {limit:UInt32}
SETTINGS max_bytes_before_external_group_by = 200000000
