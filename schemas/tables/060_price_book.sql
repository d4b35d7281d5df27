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
    minute_from    Array(UInt16),
    minute_to      Array(UInt16),
    input_from     Array(UInt64),
    rates          Array(Decimal(18, 12)),  -- nine a card: the buckets in their order (-1 where the book has no rate), then the call
    price_id       String,
    price_version  String
)
PRIMARY KEY provider, model, service_tier
SOURCE(CLICKHOUSE(QUERY '
    SELECT provider, model, service_tier, valid_from, valid_to - 1 AS valid_to,
           cards.minute_from AS minute_from, cards.minute_to AS minute_to, cards.input_from AS input_from,
           arrayFlatten(cards.rates) AS rates, price_id, price_version
    FROM (
        SELECT provider, model, service_tier, valid_from, valid_to, price_id, price_version,
               arrayReverseSort(card -> (card.input_from, card.minute_from), groupArray(CAST((
                   minute_from, minute_to, input_from,
                   arrayPushBack(arrayMap(rate -> coalesce(rate, toDecimal64(-1, 12)), [input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out]), coalesce(per_call, toDecimal64(0, 12)))
               ) AS Tuple(minute_from UInt16, minute_to UInt16, input_from UInt64, rates Array(Decimal(18, 12)))))) AS cards
        FROM spanledger.prices
        WHERE price_id != \'\' AND (provider, model, service_tier, recorded_at) IN (
            SELECT provider, model, service_tier, max(recorded_at) FROM spanledger.prices GROUP BY provider, model, service_tier)
        GROUP BY provider, model, service_tier, valid_from, valid_to, price_id, price_version
    )
'))
LIFETIME(0)
LAYOUT(COMPLEX_KEY_RANGE_HASHED(range_lookup_strategy 'max'))
RANGE(MIN valid_from MAX valid_to)
