-- What instrumentors said of a call in log records: one row a GenAI event, less its content. Joined to its span by ids.
CREATE TABLE spanledger.gen_ai_events
(
    project         LowCardinality(String),
    timestamp       DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),  -- when it happened, else when it was observed
    trace_id        String CODEC(ZSTD(1)),                          -- lower-case hex, as in spans; empty where there is none
    span_id         String CODEC(ZSTD(1)),
    flags           UInt32,
    name            LowCardinality(String),                         -- gen_ai.choice, gen_ai.evaluation.result, …
    service_name    LowCardinality(String),
    environment     LowCardinality(String),
    scope_name      LowCardinality(String),
    scope_version   LowCardinality(String),
    severity        LowCardinality(String),
    severity_number UInt32,
    attribute_values Map(LowCardinality(String), String) CODEC(ZSTD(1)),  -- AnyValues, as in spans
    body_values     Map(LowCardinality(String), String) CODEC(ZSTD(1)),   -- what of the body is no content
    dropped_attributes_count UInt32,
    resource        LowCardinality(String),
    received_at     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    segment         UInt64 CODEC(ZSTD(1)),
    attributes      Map(String, String) ALIAS CAST(arrayMap((key, value) -> (key, spanledger_attribute_text(value)),
                        mapKeys(attribute_values), mapValues(attribute_values)) AS Map(String, String)),
    attribute_types Array(@AttributeType) ALIAS arrayMap(value -> spanledger_attribute_type(value), mapValues(attribute_values)),
    body            Map(String, String) ALIAS CAST(arrayMap((key, value) -> (key, spanledger_attribute_text(value)),
                        mapKeys(body_values), mapValues(body_values)) AS Map(String, String)),
    resource_read   @ResourceText ALIAS CAST(resource AS @ResourceText),
    resource_attributes Map(String, String) ALIAS CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), resource_read.attributes) AS Map(String, String)),
    scope_attributes    Map(String, String) ALIAS CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), resource_read.scope_attributes) AS Map(String, String)),

    INDEX by_segment segment TYPE minmax GRANULARITY 1,
    INDEX by_time timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (project, trace_id, span_id, timestamp)
TTL toDateTime(timestamp) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)'
