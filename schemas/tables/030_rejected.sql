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
    attribute_values Map(LowCardinality(String), String),  -- as in spans, all of them
    resource       LowCardinality(String),
    events         @Events,
    links          @Links,
    digest         FixedString(16),
    segment        UInt64,
    attributes     Map(String, String) ALIAS CAST(arrayMap((key, value) -> (key, spanledger_attribute_text(value)),
                       mapKeys(attribute_values), mapValues(attribute_values)) AS Map(String, String)),
    attribute_types Array(@AttributeType) ALIAS arrayMap(value -> spanledger_attribute_type(value), mapValues(attribute_values)),
    resource_read       @ResourceText ALIAS CAST(resource AS @ResourceText),
    resource_attributes Map(String, String) ALIAS CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), resource_read.attributes) AS Map(String, String)),
    resource_attribute_types Array(@AttributeType) ALIAS arrayMap(a -> spanledger_attribute_type(a.value), resource_read.attributes),
    scope_attributes    Map(String, String) ALIAS CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), resource_read.scope_attributes) AS Map(String, String)),
    scope_attribute_types Array(@AttributeType) ALIAS arrayMap(a -> spanledger_attribute_type(a.value), resource_read.scope_attributes),

    INDEX by_segment segment TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (project, received_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000
