-- One row a span, judged, its tokens in disjoint buckets; not priced yet.
CREATE TABLE spanledger.spans_checked
(
    origin            @Origin,
    resource          @Resource,
    span              @Span,
    named             @Named,
    checked           @Checked,
    refusal           LowCardinality(String),  -- why the span is refused; empty where it is not
    timestamp         DateTime64(9, 'UTC'),
    provider          LowCardinality(String),
    model             LowCardinality(String),
    tier              String,                  -- as the price book names it: empty for the list price
    input_tokens      Int64,
    buckets           Array(Int64),            -- input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out
    has_usage         Bool,
    usage_flags       Array(LowCardinality(String)),
    billing_owner     Bool,
    free              Bool,
    provider_cost_usd Nullable(Decimal(38, 12))
)
ENGINE = Null
