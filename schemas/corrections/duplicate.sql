-- The postings that take back what a call was charged more than once: of the charges that still stand for one project, trace
-- and span in one hour, the first stays and the others are reversed. Only calls that `segments` have a posting of.
-- `hours`: where to look; of them the share `shard` of `shards`. `at`: time of posting in Unix nanoseconds.
WITH
standing AS
(
    SELECT *, hour, posting_id, terms
    FROM spanledger.ledger
    WHERE timestamp >= arrayMin({hours:Array(DateTime('UTC'))}) AND timestamp < arrayMax({hours:Array(DateTime('UTC'))}) + INTERVAL 1 HOUR
      AND (project, hour, trace_id, span_id) IN
      (
          SELECT project, hour, trace_id, span_id
          FROM spanledger.ledger
          WHERE hour IN {hours:Array(DateTime('UTC'))}
            AND timestamp >= arrayMin({hours:Array(DateTime('UTC'))}) AND timestamp < arrayMax({hours:Array(DateTime('UTC'))}) + INTERVAL 1 HOUR
            AND cityHash64(trace_id, span_id) % {shards:UInt32} = {shard:UInt32}
            AND cityHash64(trace_id, span_id) IN (SELECT cityHash64(trace_id, span_id) FROM spanledger.ledger WHERE segment IN {segments:Array(UInt64)})
          GROUP BY project, hour, trace_id, span_id
          HAVING sum(calls) > 1
      )
    WINDOW alike AS (PARTITION BY project, trace_id, span_id, charge_id, terms)
    QUALIFY kind = 'charge' AND row_number() OVER (alike ORDER BY kind) <= sum(calls) OVER alike
),
numbered AS
(
    SELECT * EXCEPT terms, row_number() OVER (PARTITION BY project, hour, trace_id, span_id ORDER BY posted_at, segment, posting_id, terms) AS copy
    FROM standing
)
SELECT * EXCEPT (hour, posting_id, copy) REPLACE
(
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, 'reversal' AS kind, 'duplicate' AS reason, posting_id AS refers_to,
    -calls AS calls, -input_uncached AS input_uncached, -cache_read AS cache_read, -cache_write_5m AS cache_write_5m,
    -cache_write_1h AS cache_write_1h, -audio_in AS audio_in, -output_text AS output_text, -reasoning AS reasoning, -audio_out AS audio_out,
    -cost_usd AS cost_usd, {segment:UInt64} AS segment
)
FROM numbered
WHERE copy > 1
