-- What was acknowledged and not kept, since it is not of GenAI: log records and data points, counted by who sent them.
CREATE TABLE spanledger.not_kept
(
    project      LowCardinality(String),
    received_at  DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    signal       LowCardinality(String),  -- logs, metrics
    service_name LowCardinality(String),
    name         LowCardinality(String),  -- the scope's: for logs the logger, for metrics the meter
    items        UInt64,
    digest       FixedString(16),         -- of the request
    segment      UInt64,

    INDEX by_segment segment TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, received_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000
