CREATE MATERIALIZED VIEW spanledger.post_spans TO spanledger.spans AS
-- A NULL of its own: under one that a condition makes, the figure stays, and takes as many bytes on disk as if it were told.
WITH materialize(CAST(NULL AS Nullable(Decimal(38, 12)))) AS no_cost
SELECT
    origin.project AS project, timestamp, span.trace_id AS trace_id, span.span_id AS span_id, span.parent_span_id AS parent_span_id,
    span.trace_state AS trace_state, span.flags AS flags, span.name AS name, span.kind AS kind,
    resource.service_name AS service_name, resource.environment AS environment,
    resource.scope_name AS scope_name, resource.scope_version AS scope_version, checked.operation AS operation, provider,
    named.request_model AS request_model, named.response_model AS response_model, model,
    checked.duration_ns AS duration_ns, checked.ttft_ns AS ttft_ns, ifNull(named.streaming, isNotNull(checked.ttft_ns) OR timestamp < fromUnixTimestamp64Nano(toInt64(span.start_ns), 'UTC')) AS streaming,
    checked.status AS status, named.status_message AS status_message, checked.error_type AS error_type,
    named.finish_reason AS finish_reason,
    checked.counts[1] AS input_tokens, checked.counts[2] AS output_tokens,
    checked.counts[3] AS cache_read_tokens, checked.counts[4] AS cache_write_tokens, checked.counts[5] AS cache_write_1h_tokens,
    checked.counts[6] AS reasoning_tokens, checked.counts[7] AS audio_input_tokens, checked.counts[8] AS audio_output_tokens, usage_flags,
    cost_usd, cost_status, ifNull(cost_usd = checked.reported_cost_usd, false) AS cost_as_reported, if(cost_as_reported, no_cost, checked.reported_cost_usd) AS other_reported_cost_usd,
    if(isNull(checked.reported_cost_usd), '', named.reported_cost_source) AS reported_cost_source, billing_owner, if(billing_owner, no_cost, unbilled_cost_usd) AS unbilled_cost_usd,
    named.response_id AS response_id, named.service_tier AS service_tier, named.server_address AS server_address,
    named.agent_name AS agent_name, named.request_hash AS request_hash, named.user_id AS user_id, named.session_id AS session_id,
    named.team AS team, named.feature AS feature, named.customer AS customer, named.prompt_name AS prompt_name, named.prompt_version AS prompt_version,
    named.tool_name AS tool_name, named.tool_call_id AS tool_call_id, named.conversation_id AS conversation_id,
    named.attribute_values AS attribute_values, named.column_attributes AS column_attributes, resource.text AS resource,
    span.events AS events, span.links AS links, span.dropped_counts AS dropped_counts,
    fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, origin.segment AS segment
FROM spanledger.spans_in
WHERE refusal = ''
