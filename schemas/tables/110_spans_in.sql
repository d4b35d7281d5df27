-- One row a span: normalised, checked and priced. Nothing is kept here; the views behind it only filter.
CREATE TABLE spanledger.spans_in
(
    project LowCardinality(String), received_at UInt64, digest String, segment UInt64,
    reason LowCardinality(String),
    trace_id String, span_id String, parent_span_id String, trace_state String, flags UInt32,
    name String, kind LowCardinality(String), start_ns UInt64, end_ns UInt64, timestamp DateTime64(9, 'UTC'),
    service_name LowCardinality(String), environment LowCardinality(String), scope_name LowCardinality(String), scope_version LowCardinality(String),
    operation LowCardinality(String), provider LowCardinality(String), request_model LowCardinality(String), response_model LowCardinality(String), model LowCardinality(String),
    duration_ns UInt64, ttft_ns Nullable(UInt64), streaming Bool,
    status LowCardinality(String), status_code UInt32, status_message String, error_type LowCardinality(String), finish_reason LowCardinality(String),
    input_tokens Nullable(UInt64), output_tokens Nullable(UInt64), cache_read_tokens Nullable(UInt64), cache_write_tokens Nullable(UInt64), cache_write_1h_tokens Nullable(UInt64),
    reasoning_tokens Nullable(UInt64), audio_input_tokens Nullable(UInt64), audio_output_tokens Nullable(UInt64), usage_flags Array(LowCardinality(String)),
    input_uncached Nullable(Int64), cache_read Nullable(Int64), cache_write_5m Nullable(Int64), cache_write_1h Nullable(Int64), audio_in Nullable(Int64),
    output_text Nullable(Int64), reasoning Nullable(Int64), audio_out Nullable(Int64),
    cost_usd Nullable(Decimal(38, 12)), cost_status LowCardinality(String), price_id LowCardinality(String), price_version LowCardinality(String),
    reported_cost_usd Nullable(Decimal(38, 12)), reported_cost_source LowCardinality(String), billing_owner Bool,
    response_id String, service_tier LowCardinality(String), server_address LowCardinality(String), agent_name LowCardinality(String), request_hash String,
    user_id String, session_id String, team LowCardinality(String), feature LowCardinality(String), customer LowCardinality(String),
    prompt_name LowCardinality(String), prompt_version LowCardinality(String), tags Map(LowCardinality(String), String),
    attributes Map(LowCardinality(String), String), attribute_types Array(@AttributeType),
    resource_attributes Map(LowCardinality(String), String), resource_attribute_types Array(@AttributeType),
    scope_attributes Map(LowCardinality(String), String), scope_attribute_types Array(@AttributeType),
    events @Events,
    links @Links,
    dropped_counts Tuple(attributes UInt32, events UInt32, links UInt32)
)
ENGINE = Null
