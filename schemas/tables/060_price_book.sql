-- The price book as the pipeline asks it: by provider, model, service tier and time. LIFETIME(0): it changes only when
-- the forwarder reloads it, between segments, so that every try of a segment sees the same rates.
-- A range holds one card or more, each with its part of the day and its smallest input, the dearest tier first.
CREATE DICTIONARY spanledger.price_book
(
    provider       String,
    model          String,
    service_tier   String,
    valid_from     DateTime('UTC'),
    valid_to       DateTime('UTC'),
    limits         Array(UInt64),           -- one a card: its smallest input, from minute and to minute, in 42, 11 and 11 bits
    rates          Array(Decimal(18, 12)),  -- nine a card: the buckets in their order (-1 where the book has no rate), then the call
    price_id       String,
    price_version  String
)
PRIMARY KEY provider, model, service_tier
SOURCE(CLICKHOUSE(QUERY '
    SELECT provider, model, service_tier, valid_from, valid_to - 1 AS valid_to,
           cards.limit AS limits, arrayFlatten(cards.rates) AS rates, price_id, price_version
    FROM (
        SELECT provider, model, service_tier, valid_from, valid_to, price_id, price_version,
               arrayReverseSort(card -> card.limit, groupArray(CAST((
                   bitShiftLeft(input_from, 22) + bitShiftLeft(toUInt64(minute_from), 11) + minute_to,
                   arrayPushBack(arrayMap(rate -> coalesce(rate, toDecimal64(-1, 12)), [input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out]), coalesce(per_call, toDecimal64(0, 12)))
               ) AS Tuple(limit UInt64, rates Array(Decimal(18, 12)))))) AS cards
        FROM spanledger.prices
        WHERE price_id != \'\' AND (provider, model, service_tier, recorded_at) IN (
            SELECT provider, model, service_tier, max(recorded_at) FROM spanledger.prices GROUP BY provider, model, service_tier)
        GROUP BY provider, model, service_tier, valid_from, valid_to, price_id, price_version
    )
'))
LIFETIME(0)
LAYOUT(COMPLEX_KEY_RANGE_HASHED(range_lookup_strategy 'max'))
RANGE(MIN valid_from MAX valid_to)
