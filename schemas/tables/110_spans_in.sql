-- One row a span: named, checked and priced. The views behind it only choose and rename.
CREATE TABLE spanledger.spans_in
(
    origin        @Origin,
    resource      @Resource,
    span          @Span,
    named         @Named,
    checked       @Checked,
    refusal       LowCardinality(String),  -- why the span is refused; empty where it is not
    timestamp     DateTime64(9, 'UTC'),
    provider      LowCardinality(String),
    model         LowCardinality(String),
    buckets       Array(Int64),            -- input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out
    has_usage     Bool,
    usage_flags   Array(LowCardinality(String)),
    billing_owner Bool,
    cost_usd      Nullable(Decimal(38, 12)),
    cost_status   LowCardinality(String),
    price_id      LowCardinality(String),
    price_version LowCardinality(String)
)
ENGINE = Null
