-- One row a span, its attributes named by the fields that they feed, nothing judged yet. Nothing is kept here.
CREATE TABLE spanledger.spans_named
(
    project           String,
    received_at       UInt64,
    digest            String,
    segment           UInt64,
    described         @Described,  -- what nothing is computed from
    trace_id          String,
    span_id           String,
    parent_length     UInt64,
    start_ns          UInt64,
    end_ns            UInt64,
    status_code       UInt32,
    exception_type    String,
    own_operation     String,
    provider          String,
    model             String,
    tier              String,        -- as the price book names it: empty for the list price
    reported          Array(String), -- counts as text: input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output, audio_cache_read
    reported_cost_usd Nullable(Decimal(38, 12)),
    reported_cost_source String,
    ttft_seconds      Nullable(Float64),
    http_status       UInt16,
    own_error_type    String
)
ENGINE = Null
