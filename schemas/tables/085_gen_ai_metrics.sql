-- What instrumentors measured themselves: one row a data point of a metric named gen_ai.*. Shown beside the ledger, never billed.
CREATE TABLE spanledger.gen_ai_metrics
(
    project       LowCardinality(String),
    timestamp     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    start_time    DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),  -- when what is summed up began; 1970 where it is not said
    name          LowCardinality(String),
    unit          LowCardinality(String),
    type          LowCardinality(String),                         -- gauge, sum, histogram, exponential_histogram, summary
    temporality   LowCardinality(String),                         -- delta, cumulative, unspecified
    monotonic     Bool,
    service_name  LowCardinality(String),
    environment   LowCardinality(String),
    scope_name    LowCardinality(String),
    scope_version LowCardinality(String),
    attribute_values Map(LowCardinality(String), String) CODEC(ZSTD(1)),  -- AnyValues, as in spans
    value         Nullable(Float64) CODEC(ZSTD(1)),               -- of a gauge or a sum; whole numbers are exact up to 2^53
    count         Nullable(UInt64) CODEC(ZSTD(1)),                -- of the others
    sum           Nullable(Float64) CODEC(ZSTD(1)),
    min           Nullable(Float64) CODEC(ZSTD(1)),
    max           Nullable(Float64) CODEC(ZSTD(1)),
    bounds        Array(Float64) CODEC(ZSTD(1)),                  -- upper ends of the buckets, the last one's excepted: it has none
    bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    exponential   @Exponential CODEC(ZSTD(1)),                    -- buckets by powers of 2^(2^-scale)
    quantiles     Array(Tuple(quantile Float64, value Float64)) CODEC(ZSTD(1)),
    flags         UInt32,
    resource      LowCardinality(String),
    received_at   DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    segment       UInt64 CODEC(ZSTD(1)),
    attributes    Map(String, String) ALIAS CAST(arrayMap((key, value) -> (key, spanledger_attribute_text(value)),
                      mapKeys(attribute_values), mapValues(attribute_values)) AS Map(String, String)),
    attribute_types Array(@AttributeType) ALIAS arrayMap(value -> spanledger_attribute_type(value), mapValues(attribute_values)),
    resource_read @ResourceText ALIAS CAST(resource AS @ResourceText),
    resource_attributes Map(String, String) ALIAS CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), resource_read.attributes) AS Map(String, String)),

    INDEX by_segment segment TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (project, name, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)'
