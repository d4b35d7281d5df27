-- The price book: dated rates in USD per million tokens, and per million calls. Nothing is overwritten: a new rate is a new row, and of two rows
-- for the same range the one recorded later is in force. A row without a price_id says that this edition of the book does
-- not know the model.
CREATE TABLE spanledger.prices
(
    provider       LowCardinality(String),   -- as spans name it
    model          String,                   -- as spans name it
    service_tier   LowCardinality(String),   -- '' is the list price
    valid_from     DateTime('UTC'),
    valid_to       DateTime('UTC'),          -- exclusive
    minute_from    UInt16,                   -- minute of the day, UTC, from which the rate holds …
    minute_to      UInt16,                   -- … and to which, exclusive; 0 and 1440 where it holds all day
    input_from     UInt64,                   -- smallest total input that pays this rate, for all of its tokens
    input_uncached @Rate,
    cache_read     @Rate,
    cache_write_5m @Rate,
    cache_write_1h @Rate,
    audio_in       @Rate,
    output_text    @Rate,
    reasoning      @Rate,
    audio_out      @Rate,
    per_call       @Rate,                    -- beside the tokens; NULL where there is no such fee
    price_id       String,                   -- the book's own name for the model: provider/model
    price_version  LowCardinality(String),   -- the edition of the book that said so
    source         LowCardinality(String),
    recorded_at    DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (provider, model, service_tier, valid_from, minute_from, input_from)
