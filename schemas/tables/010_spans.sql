-- What happened: one row a span, kept for weeks. Text is empty where there is none, figures are NULL.
-- Token columns keep the totals as OpenTelemetry defines them: input includes cached, output includes reasoning.
CREATE TABLE spanledger.spans
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id            String CODEC(ZSTD(1)),   -- 32 lower-case hex digits
    span_id             String CODEC(ZSTD(1)),   -- 16 lower-case hex digits
    parent_span_id      String CODEC(ZSTD(1)),
    trace_state         String,
    flags               UInt32,
    name                LowCardinality(String),
    kind                LowCardinality(String),  -- unspecified, internal, server, client, producer, consumer
    service_name        LowCardinality(String),
    environment         LowCardinality(String),
    scope_name          LowCardinality(String),
    scope_version       LowCardinality(String),
    operation           LowCardinality(String),
    provider            LowCardinality(String),
    request_model       LowCardinality(String),
    response_model      LowCardinality(String),
    model               LowCardinality(String),  -- the model as priced: the answered one, else the requested one
    duration_ns         UInt64 CODEC(ZSTD(1)),
    ttft_ns             Nullable(UInt64) CODEC(ZSTD(1)),
    streaming           Bool,
    status              LowCardinality(String),  -- ok, error
    status_message      String CODEC(ZSTD(1)),
    error_type          LowCardinality(String),
    finish_reason       LowCardinality(String),
    input_tokens        Nullable(UInt64) CODEC(ZSTD(1)),
    output_tokens       Nullable(UInt64) CODEC(ZSTD(1)),
    cache_read_tokens   Nullable(UInt64) CODEC(ZSTD(1)),
    cache_write_tokens  Nullable(UInt64) CODEC(ZSTD(1)),
    cache_write_1h_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    reasoning_tokens    Nullable(UInt64) CODEC(ZSTD(1)),
    audio_input_tokens  Nullable(UInt64) CODEC(ZSTD(1)),
    audio_output_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    usage_flags         Array(LowCardinality(String)),  -- what was wrong with the reported usage, if anything
    cost_usd            Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),  -- as first posted; the ledger has the corrections
    cost_status         LowCardinality(String),
    -- Our own SDK reports what the price book says, so it is nearly always the cost once more: kept where it is not.
    cost_as_reported    Bool,
    other_reported_cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    reported_cost_usd   Nullable(Decimal(38, 12)) ALIAS if(cost_as_reported, cost_usd, other_reported_cost_usd),
    reported_cost_source LowCardinality(String),
    billing_owner       Bool,
    response_id         String CODEC(ZSTD(1)),
    service_tier        LowCardinality(String),
    server_address      LowCardinality(String),
    agent_name          LowCardinality(String),
    request_hash        String CODEC(ZSTD(1)),
    user_id             String CODEC(ZSTD(1)),
    session_id          String CODEC(ZSTD(1)),
    team                LowCardinality(String),
    feature             LowCardinality(String),
    customer            LowCardinality(String),
    prompt_name         LowCardinality(String),
    prompt_version      LowCardinality(String),
    -- What other attributes said, less content: AnyValues, their bytes. Those that a column holds are only named, by their codes
    -- (`attribute_codes`), and so is what many spans share. The aliases below have all of them, read.
    attribute_values    Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    column_attributes   LowCardinality(String),       -- codes of eight characters, one after another
    resource            LowCardinality(String),       -- attributes of the resource and of the scope, as one text
    events              @Events CODEC(ZSTD(1)),
    links               @Links CODEC(ZSTD(1)),
    dropped_counts      Tuple(attributes UInt32, events UInt32, links UInt32),
    received_at         DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    segment             UInt64 CODEC(ZSTD(1)),
    column_texts        Map(String, String) ALIAS map(
                            'team', team, 'feature', feature, 'customer', customer, 'user_id', user_id, 'session_id', session_id,
                            'prompt_name', prompt_name, 'prompt_version', prompt_version, 'operation', operation, 'provider', provider,
                            'request_model', request_model, 'response_model', response_model, 'response_id', response_id,
                            'service_tier', service_tier, 'server_address', server_address, 'agent_name', agent_name,
                            'request_hash', request_hash, 'error_type', error_type,
                            'input_tokens', toString(ifNull(input_tokens, 0)), 'output_tokens', toString(ifNull(output_tokens, 0)),
                            'cache_read_tokens', toString(ifNull(cache_read_tokens, 0)), 'cache_write_tokens', toString(ifNull(cache_write_tokens, 0)),
                            'cache_write_1h_tokens', toString(ifNull(cache_write_1h_tokens, 0)), 'reasoning_tokens', toString(ifNull(reasoning_tokens, 0)),
                            'audio_input_tokens', toString(ifNull(audio_input_tokens, 0)), 'audio_output_tokens', toString(ifNull(audio_output_tokens, 0)),
                            'streaming', toString(streaming), 'ttft_ns', ifNull(toString(ttft_ns / 1000000000), ''),
                            'reported_cost_usd', ifNull(toString(toFloat64(reported_cost_usd)), '')),
    attributes          Map(String, String) ALIAS CAST(arrayConcat(
                            arrayMap((key, value) -> (key, spanledger_attribute_text(value)), mapKeys(attribute_values), mapValues(attribute_values)),
                            arrayMap(code -> (dictGet('spanledger.attribute_book', 'key', code), column_texts[dictGet('spanledger.attribute_book', 'column', code)]), extractAll(column_attributes, '.{8}'))
                        ) AS Map(String, String)),
    attribute_types     Array(@AttributeType) ALIAS arrayConcat(
                            arrayMap(value -> spanledger_attribute_type(value), mapValues(attribute_values)),
                            arrayMap(code -> CAST(dictGet('spanledger.attribute_book', 'type', code) AS @AttributeType), extractAll(column_attributes, '.{8}'))),
    resource_read       @ResourceText ALIAS CAST(resource AS @ResourceText),
    resource_attributes Map(String, String) ALIAS CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), resource_read.attributes) AS Map(String, String)),
    resource_attribute_types Array(@AttributeType) ALIAS arrayMap(a -> spanledger_attribute_type(a.value), resource_read.attributes),
    scope_attributes    Map(String, String) ALIAS CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), resource_read.scope_attributes) AS Map(String, String)),
    scope_attribute_types Array(@AttributeType) ALIAS arrayMap(a -> spanledger_attribute_type(a.value), resource_read.scope_attributes),
    tags                Map(String, String) ALIAS mapApply((key, text) -> (substring(key, length(@tag_prefix) + 1), text),
                            mapFilter((key, text) -> startsWith(key, @tag_prefix), mapUpdate(resource_attributes, attributes))),
    usage_raw           Map(String, String) ALIAS mapFilter((key, text) -> key LIKE '%.usage.%', attributes),

    INDEX by_time timestamp TYPE minmax GRANULARITY 1,
    -- What a single trace, user, session or attribute is found by, 4 bytes a span together. Merges build them and INSERTs do not
    -- (store.py, INSERT_SETTINGS; on insert they took 5 microseconds a span): parts not merged yet are few, and read without.
    INDEX by_trace cityHash64(trace_id) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_attribute mapValues(attribute_values) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(received_at)
-- By segment first: segments follow each other, so a merge appends where it would compare row by row (a quarter of the
-- CPU), and what settles a segment finds it at once. Time is found by partition and index: segments are about as old.
ORDER BY (segment, project, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 30 DAY
-- Parts stay compact: a segment's part in 150 files costs more to open than to fill. A merge holds a granule of every column of
-- every part that it reads, so it reads few parts, row by row, and none of 150 MB or more: what it takes is bounded, in memory
-- (100 MB) and in how often a row is written anew (three times). After an hour all
-- are merged, whatever their sizes, and so have indexes. (Granules twice as large take 8 bytes a call less, and 60 MB more in a merge.)
SETTINGS enable_vertical_merge_algorithm = 0, max_bytes_to_merge_at_max_space_in_pool = 157286400, max_parts_to_merge_at_once = 8, merge_selector_base = 8,
    min_age_to_force_merge_seconds = 3600, min_bytes_for_wide_part = 268435456, non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)'
