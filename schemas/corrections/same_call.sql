-- The postings that take back a call that stands charged for two spans of which neither is above the other: one client, traced by
-- two instrumentors into two traces. An id alone proves nothing (test servers answer with the same one each time). One call is what
-- has the same id, project and provider, comes from different scopes, ran at the same time, and used the same, as far as both
-- say. Of calls that one scope made at the same time under one id, the first belongs to the first of the other scope, and so on.
-- What says what it used stays, else what was received first. Parameters as in `billed_by_child.sql`; `found` are answers, as `same_call_answers.sql`
-- gives them.
WITH
answers AS
(
    SELECT cityHash64(project, provider, response_id) AS answer, cityHash64(project, trace_id, span_id) AS id, timestamp AS begun,
        timestamp + toIntervalNanosecond(duration_ns) AS ended, scope_name,
        if(isNull(input_tokens) AND isNull(output_tokens), NULL, (ifNull(input_tokens, 0), ifNull(output_tokens, 0))::Tuple(UInt64, UInt64)::String) AS used
    FROM spanledger.spans
    WHERE timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND has(@billable_operations, operation) AND response_id != '' AND answer IN {found:Array(UInt64)}
    ORDER BY received_at, segment
    LIMIT 1 BY id
),
charged AS
(
    SELECT *, posting_id, terms, cityHash64(project, trace_id, span_id) AS id
    FROM spanledger.ledger
    WHERE timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
      AND id IN (SELECT id FROM answers)
    WINDOW alike AS (PARTITION BY project, trace_id, span_id, charge_id, terms)
    QUALIFY kind = 'charge' AND row_number() OVER (alike ORDER BY kind) <= sum(calls) OVER alike
),
standing AS
(
    SELECT charged.*, posting_id, answers.answer, answers.begun, answers.ended, answers.scope_name, answers.used,
        max(ended) OVER (PARTITION BY answer ORDER BY begun, ended, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS others_ended
    FROM charged INNER JOIN answers ON answers.id = charged.id
),
together AS
(
    SELECT *, sum(begun >= others_ended) OVER (PARTITION BY answer ORDER BY begun, ended, id) AS occasion
    FROM standing
),
placed AS
(
    SELECT *, row_number() OVER (PARTITION BY answer, occasion, scope_name ORDER BY begun, ended, id) AS place
    FROM together
),
compared AS
(
    SELECT *, row_number() OVER (one ORDER BY isNull(used), posted_at, segment, id) AS copy, count(DISTINCT used) OVER one AS accounts
    FROM placed
    WINDOW one AS (PARTITION BY answer, occasion, place)
)
SELECT * EXCEPT (posting_id, terms, id, answer, begun, ended, scope_name, used, others_ended, occasion, place, copy, accounts) REPLACE
(
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, 'reversal' AS kind, 'same_call' AS reason, posting_id AS refers_to,
    -calls AS calls, -input_uncached AS input_uncached, -cache_read AS cache_read, -cache_write_5m AS cache_write_5m,
    -cache_write_1h AS cache_write_1h, -audio_in AS audio_in, -output_text AS output_text, -reasoning AS reasoning, -audio_out AS audio_out,
    -cost_usd AS cost_usd, {segment:UInt64} AS segment
)
FROM compared
WHERE copy > 1 AND accounts < 2
