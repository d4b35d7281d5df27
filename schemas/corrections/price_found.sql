-- The postings that price calls whose price was found after they were charged: each unpriced charge that still stands is
-- reversed and made anew, by the money rule of the pipeline. A call without usage stays unpriced.
-- Only calls that began in a range of Unix seconds, `to` exclusive. `at`: time of posting in Unix nanoseconds.
-- (Compared with a DateTime instead of a DateTime64, the engine skips parts that it should read.)
WITH
standing AS
(
    SELECT *, posting_id
    FROM spanledger.ledger
    WHERE timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
      AND cost_status = 'unpriced' AND isNotNull(input_uncached)
    WINDOW alike AS (PARTITION BY project, trace_id, span_id, charge_id, terms)
    QUALIFY kind = 'charge' AND row_number() OVER (alike ORDER BY kind) <= sum(calls) OVER alike
),
looked_up AS
(
    SELECT *,
        toDateTime(timestamp, 'UTC') AS priced_at,
        if(has(@standard_service_tiers, service_tier), '', service_tier) AS tier,
        tier != '' AND NOT dictHas('spanledger.price_book', (provider, model, tier), priced_at) AS tier_is_unknown,
        arrayMap(tokens -> coalesce(tokens, 0), [input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out]) AS buckets,
        spanledger_price_entry(provider, model, if(tier_is_unknown, '', tier), priced_at) AS entry
    FROM standing
),
listed AS
(
    SELECT *, spanledger_list_cost(buckets, spanledger_price_rates(entry, arraySum(arraySlice(buckets, 1, 5)), priced_at)) AS list_cost
    FROM looked_up
)
SELECT * EXCEPT (posting_id, priced_at, tier, tier_is_unknown, buckets, entry, list_cost, sign) REPLACE
(
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, if(sign < 0, 'reversal', 'charge') AS kind, 'price_found' AS reason, posting_id AS refers_to,
    sign AS calls, sign * input_uncached AS input_uncached, sign * cache_read AS cache_read, sign * cache_write_5m AS cache_write_5m,
    sign * cache_write_1h AS cache_write_1h, sign * audio_in AS audio_in, sign * output_text AS output_text, sign * reasoning AS reasoning, sign * audio_out AS audio_out,
    if(sign < 0, -cost_usd, list_cost) AS cost_usd,
    multiIf(sign < 0, cost_status, usage_flagged, 'partial', tier_is_unknown, 'estimated', 'priced') AS cost_status,
    if(sign < 0, price_id, entry.3) AS price_id, if(sign < 0, price_version, entry.4) AS price_version, {segment:UInt64} AS segment
)
FROM listed
ARRAY JOIN [-1, 1] AS sign
WHERE isNotNull(list_cost)
