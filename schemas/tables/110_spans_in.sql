-- One row a span: normalised, checked and priced. Nothing is kept here; the views behind it only choose and rename.
CREATE TABLE spanledger.spans_in
(
    project              LowCardinality(String),
    received_at          UInt64,
    digest               String,
    segment              UInt64,
    reason               LowCardinality(String),  -- why the span is refused; empty where it is not
    described            @Described,              -- what nothing is computed from
    trace_id             String,
    span_id              String,
    start_ns             UInt64,
    end_ns               UInt64,
    timestamp            DateTime64(9, 'UTC'),
    operation            LowCardinality(String),
    provider             LowCardinality(String),
    model                LowCardinality(String),
    ttft_ns              Nullable(UInt64),
    duration_ns          UInt64,
    status               LowCardinality(String),
    error_type           LowCardinality(String),
    counts               Array(Nullable(UInt64)), -- input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output, audio_cache_read
    has_usage            Bool,
    buckets              Array(Int64),            -- input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out
    usage_flags          Array(LowCardinality(String)),
    cost_usd             Nullable(Decimal(38, 12)),
    cost_status          LowCardinality(String),
    price_id             LowCardinality(String),
    price_version        LowCardinality(String),
    reported_cost_usd    Nullable(Decimal(38, 12)),
    reported_cost_source LowCardinality(String),
    billing_owner        Bool
)
ENGINE = Null
