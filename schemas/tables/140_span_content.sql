-- Prompts and completions, one row a source: an attribute of a span, or the body of an event. Only where capture is on (D13), and with
-- a clock and a permission of their own. `trace_content` puts the rows of a span together.
CREATE TABLE spanledger.span_content
(
    project     LowCardinality(String),
    timestamp   DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),  -- when the span began, or the event happened
    trace_id    String CODEC(ZSTD(1)),
    span_id     String CODEC(ZSTD(1)),
    direction   LowCardinality(String),                         -- the section of attributes.yaml's `messages` that the source is in
    preference  UInt8,                                          -- its place there, from 0; from 128 on of events
    messages    @Messages CODEC(ZSTD(3)),
    received_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    segment     UInt64 CODEC(ZSTD(1)),

    INDEX by_segment segment TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
-- A day's rows expire together: whole parts are dropped, within the hour, and nothing is rewritten.
PARTITION BY toDate(received_at)
ORDER BY (project, trace_id, span_id, timestamp)
TTL toDateTime(received_at) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, merge_with_ttl_timeout = 3600, default_compression_codec = 'ZSTD(1)'
