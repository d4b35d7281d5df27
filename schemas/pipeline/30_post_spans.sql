CREATE MATERIALIZED VIEW spanledger.post_spans TO spanledger.spans AS
SELECT
    project, timestamp, trace_id, span_id, described.parent_span_id AS parent_span_id, described.trace_state AS trace_state, described.flags AS flags,
    described.name AS name, described.kind AS kind, described.service_name AS service_name, described.environment AS environment,
    described.scope_name AS scope_name, described.scope_version AS scope_version, operation, provider,
    described.request_model AS request_model, described.response_model AS response_model, model, duration_ns, ttft_ns, described.streaming AS streaming,
    status, described.status_message AS status_message, error_type,
    if(startsWith(described.finish_reasons, '['), JSONExtractString(described.finish_reasons, 1), described.finish_reasons) AS finish_reason,
    counts[1] AS input_tokens, counts[2] AS output_tokens, counts[3] AS cache_read_tokens, counts[4] AS cache_write_tokens, counts[5] AS cache_write_1h_tokens,
    counts[6] AS reasoning_tokens, counts[7] AS audio_input_tokens, counts[8] AS audio_output_tokens, usage_flags,
    cost_usd, cost_status, reported_cost_usd, reported_cost_source, billing_owner,
    described.response_id AS response_id, described.service_tier AS service_tier, described.server_address AS server_address,
    described.agent_name AS agent_name, described.request_hash AS request_hash, described.user_id AS user_id, described.session_id AS session_id,
    described.team AS team, described.feature AS feature, described.customer AS customer,
    described.prompt_name AS prompt_name, described.prompt_version AS prompt_version,
    described.attributes AS attributes, described.attribute_types AS attribute_types,
    described.resource_attributes AS resource_attributes, described.resource_attribute_types AS resource_attribute_types,
    described.scope_attributes AS scope_attributes,
    described.events AS events, described.links AS links, described.dropped_counts AS dropped_counts,
    fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS received_at, segment
FROM spanledger.spans_in
WHERE reason = ''
