-- What was refused, and why: every field that the span came with, less content. Counted nowhere, lost never.
CREATE TABLE spanledger.rejected
(
    project        LowCardinality(String),
    received_at    DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    reason         LowCardinality(String),
    trace_id       String,                  -- lower-case hex, of whatever length it had
    span_id        String,
    parent_span_id String,
    start_time_unix_nano UInt64,
    end_time_unix_nano   UInt64,
    name           String,
    kind           LowCardinality(String),
    status_code    UInt32,
    status_message String,
    service_name   LowCardinality(String),
    scope_name     LowCardinality(String),
    scope_version  LowCardinality(String),
    attributes     Map(String, String),
    attribute_types Array(@AttributeType),
    resource_attributes Map(LowCardinality(String), String),
    events         @Events,
    digest         FixedString(16),
    segment        UInt64,

    INDEX by_segment segment TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, received_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000
