-- What arrived: one row an acknowledged request. The SDK's stamps in it prove that what was sent was stored (D12).
CREATE TABLE spanledger.deliveries
(
    project     LowCardinality(String),
    received_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    digest      FixedString(16),            -- of the request's bytes; a client's retry has the same
    spans       UInt32,                     -- accepted in this request: stored or rejected
    -- one entry a resource in the request: whose export it was, its place in the sequence, what was dropped so far
    exports     Array(Tuple(service_name String, process String, sequence UInt64, dropped UInt64, spans UInt32)),
    segment     UInt64,

    INDEX by_segment segment TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, received_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000
