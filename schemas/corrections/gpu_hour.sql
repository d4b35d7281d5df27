-- The postings that charge the calls of a GPU rule with their shares of an hour: what stands otherwise is reversed and made anew.
-- The hour costs `total` units of a millionth of a millionth of a dollar; `shared_by` tokens, time or calls (equal shares), of which
-- there are `weight` in the hour, and `before` in its calls before this range of Unix seconds (`to` exclusive). Each share is where
-- the running sum ends, less where it began, in whole units: so they sum to the total, and none is off by a unit or more.
-- The order of the calls is their own, not that of their coming. `at`: time of posting in Unix nanoseconds.
WITH
standing AS
(
    SELECT *, posting_id, terms,
        multiIf({shared_by:String} = 'tokens', toUInt256(ifNull(tokens, 0)), {shared_by:String} = 'time', toUInt256(duration_ns), toUInt256(1)) AS part
    FROM spanledger.ledger
    WHERE timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
      AND cost_status != 'free' AND (NOT {with_tokens:Bool} OR isNotNull(input_uncached))
      AND if(price_id = '' AND cost_status = 'unpriced',
        dictGetOrDefault('spanledger.price_book', 'price_id', (provider, model, ''), toDateTime(timestamp, 'UTC'), ''), price_id) = {rule:String}
    WINDOW alike AS (PARTITION BY project, trace_id, span_id, charge_id, terms)
    QUALIFY kind = 'charge' AND row_number() OVER (alike ORDER BY kind) <= sum(calls) OVER alike
),
summed AS
(
    SELECT *, toUInt256({before:String}) + sum(part) OVER (ORDER BY timestamp, project, trace_id, span_id, segment, posting_id, terms ROWS UNBOUNDED PRECEDING) AS upto
    FROM standing
),
shared AS
(
    SELECT *,
        intDiv(toUInt256({total:String}) * upto, toUInt256({weight:String})) - intDiv(toUInt256({total:String}) * (upto - part), toUInt256({weight:String})) AS units,
        CAST(toDecimal256(units, 0) * toDecimal256('0.000000000001', 12) AS Decimal(38, 12)) AS share,
        if(usage_flagged AND {shared_by:String} = 'tokens', 'partial', 'priced') AS shared_status
    FROM summed
),
-- a step of its own: beside the SELECT's names, those of the ledger are not to be had
changed AS
(
    SELECT * FROM shared WHERE cost_usd IS DISTINCT FROM share OR cost_status != shared_status OR price_id != {rule:String} OR price_version != {version:String}
)
SELECT * EXCEPT (posting_id, terms, part, upto, units, share, shared_status, sign) REPLACE
(
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, if(sign < 0, 'reversal', 'charge') AS kind, 'gpu_hour' AS reason, posting_id AS refers_to,
    sign AS calls, sign * input_uncached AS input_uncached, sign * cache_read AS cache_read, sign * cache_write_5m AS cache_write_5m,
    sign * cache_write_1h AS cache_write_1h, sign * audio_in AS audio_in, sign * output_text AS output_text, sign * reasoning AS reasoning, sign * audio_out AS audio_out,
    if(sign < 0, -cost_usd, share) AS cost_usd, if(sign < 0, cost_status, shared_status) AS cost_status,
    if(sign < 0, price_id, {rule:String}) AS price_id, if(sign < 0, price_version, {version:String}) AS price_version, {segment:UInt64} AS segment
)
FROM changed
ARRAY JOIN [-1, 1] AS sign
