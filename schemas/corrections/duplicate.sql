-- The postings that take back what a call was charged more than once: of the charges that still stand for one project, trace
-- and span, the first stays and the others are reversed.
-- Only calls that `segments` have a posting of, and that began in a range of Unix seconds, `to` exclusive. What another source
-- says of a call may round its start: a second on both sides is looked at too. `at`: time of posting in Unix nanoseconds.
-- (Compared with a DateTime instead of a DateTime64, the engine skips parts that it should read.)
WITH
touched AS
(
    SELECT cityHash64(trace_id, span_id)
    FROM spanledger.ledger
    WHERE segment IN {segments:Array(UInt64)}
      AND timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
),
repeated AS
(
    SELECT project, trace_id, span_id, groupUniqArray(hour) AS hours
    FROM spanledger.ledger
    WHERE timestamp >= toDateTime64({from:UInt32} - 1, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32} + 1, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC') - 1) AND hour < toDateTime({to:UInt32}, 'UTC') + 1
      AND cityHash64(trace_id, span_id) IN touched
    GROUP BY project, trace_id, span_id
    HAVING sum(calls) > 1
),
standing AS
(
    SELECT *, posting_id, terms
    FROM spanledger.ledger
    WHERE (project, hour, trace_id, span_id) IN (SELECT project, arrayJoin(hours), trace_id, span_id FROM repeated)
      AND timestamp >= toDateTime64({from:UInt32} - 1, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32} + 1, 9, 'UTC')
    WINDOW alike AS (PARTITION BY project, trace_id, span_id, charge_id, terms)
    QUALIFY kind = 'charge' AND row_number() OVER (alike ORDER BY kind) <= sum(calls) OVER alike
),
numbered AS
(
    SELECT * EXCEPT terms, row_number() OVER (PARTITION BY project, trace_id, span_id ORDER BY posted_at, segment, posting_id, terms) AS copy
    FROM standing
)
SELECT * EXCEPT (posting_id, copy) REPLACE
(
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, 'reversal' AS kind, 'duplicate' AS reason, posting_id AS refers_to,
    -calls AS calls, -input_uncached AS input_uncached, -cache_read AS cache_read, -cache_write_5m AS cache_write_5m,
    -cache_write_1h AS cache_write_1h, -audio_in AS audio_in, -output_text AS output_text, -reasoning AS reasoning, -audio_out AS audio_out,
    -cost_usd AS cost_usd, {segment:UInt64} AS segment
)
FROM numbered
WHERE copy > 1
