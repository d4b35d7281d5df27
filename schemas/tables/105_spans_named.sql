-- One row a span, its attributes named by the fields that they feed; nothing judged yet, figures still texts.
CREATE TABLE spanledger.spans_named
(
    origin            @Origin,
    resource          @Resource,
    span              @Span,
    named             @Named,
    refusal           LowCardinality(String),
    exception_type    String,
    own_operation     String,
    provider          LowCardinality(String),
    model             LowCardinality(String),
    tier              String,        -- as the price book names it: empty for the list price
    reported          Array(String), -- input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output, audio_cache_read
    reported_cost     String,
    reported_currency String,
    ttft_seconds      String,
    http_status       String,
    own_error_type    String
)
ENGINE = Null
