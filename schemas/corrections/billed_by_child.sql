-- The postings that take back what another span of the same trace bills (D7): of spans nested up to four levels, the innermost with
-- usage bills, or else the one above that has it. Only in the traces `found`, by hash, whose spans began in a range of Unix
-- seconds, `to` exclusive. `at`: time of posting in Unix nanoseconds.
WITH RECURSIVE
@unbilled_calls,
standing AS
(
    SELECT *, posting_id, terms
    FROM spanledger.ledger
    WHERE timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
      AND cityHash64(project, trace_id, span_id) IN (SELECT id FROM unbilled)
    WINDOW alike AS (PARTITION BY project, trace_id, span_id, charge_id, terms)
    QUALIFY kind = 'charge' AND row_number() OVER (alike ORDER BY kind) <= sum(calls) OVER alike
)
SELECT * EXCEPT (posting_id, terms) REPLACE
(
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, 'reversal' AS kind, 'billed_by_child' AS reason, posting_id AS refers_to,
    -calls AS calls, -input_uncached AS input_uncached, -cache_read AS cache_read, -cache_write_5m AS cache_write_5m,
    -cache_write_1h AS cache_write_1h, -audio_in AS audio_in, -output_text AS output_text, -reasoning AS reasoning, -audio_out AS audio_out,
    -cost_usd AS cost_usd, {segment:UInt64} AS segment
)
FROM standing
