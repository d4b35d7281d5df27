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
    input_uncached Array(@Rate),
    cache_read     Array(@Rate),
    cache_write_5m Array(@Rate),
    cache_write_1h Array(@Rate),
    audio_in       Array(@Rate),
    output_text    Array(@Rate),
    reasoning      Array(@Rate),
    audio_out      Array(@Rate),
    price_id       String,
    price_version  String
)
PRIMARY KEY provider, model, service_tier
SOURCE(CLICKHOUSE(QUERY '
    SELECT provider, model, service_tier, valid_from, valid_to - 1 AS valid_to,
           groupArray(minute_from) AS minute_from, groupArray(minute_to) AS minute_to, groupArray(input_from) AS input_from,
           arrayMap(c -> c.1, groupArray(tuple(input_uncached))) AS input_uncached,
           arrayMap(c -> c.1, groupArray(tuple(cache_read))) AS cache_read,
           arrayMap(c -> c.1, groupArray(tuple(cache_write_5m))) AS cache_write_5m,
           arrayMap(c -> c.1, groupArray(tuple(cache_write_1h))) AS cache_write_1h,
           arrayMap(c -> c.1, groupArray(tuple(audio_in))) AS audio_in,
           arrayMap(c -> c.1, groupArray(tuple(output_text))) AS output_text,
           arrayMap(c -> c.1, groupArray(tuple(reasoning))) AS reasoning,
           arrayMap(c -> c.1, groupArray(tuple(audio_out))) AS audio_out,
           any(price_id) AS price_id, any(price_version) AS price_version
    FROM (
        SELECT * FROM spanledger.prices
        WHERE (provider, model, service_tier, recorded_at) IN (
            SELECT provider, model, service_tier, max(recorded_at) FROM spanledger.prices GROUP BY provider, model, service_tier)
        ORDER BY provider, model, service_tier, valid_from, minute_from, input_from DESC
    )
    GROUP BY provider, model, service_tier, valid_from, valid_to
'))
LIFETIME(0)
LAYOUT(COMPLEX_KEY_RANGE_HASHED(range_lookup_strategy 'max'))
RANGE(MIN valid_from MAX valid_to)
