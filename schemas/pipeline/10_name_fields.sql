-- From requests to spans: one row a span, its attributes in the fields that attributes.yaml gives them. Every function in
-- this view and the next is total: a segment fails there, before anything is posted, or nowhere (D15).
-- The query is planned anew for each segment, and a plan costs columns × steps, lambdas within lambdas most of all: hence
-- few columns, two short views for one long one, and a span that stays one tuple until it is named.
CREATE MATERIALIZED VIEW spanledger.name_fields TO spanledger.spans_named AS
WITH
-- 1. flatten: requests to resources to scopes to spans
resources AS
(
    SELECT project, received_at, digest, segment, arrayJoin(request.resource_spans) AS resource_spans
    FROM spanledger.otlp_traces
),
scopes AS
(
    SELECT project, received_at, digest, segment, arrayJoin(resource_spans.scope_spans) AS scope_of_spans,
        arrayFilter(a -> @number(a.key) != @content AND NOT has(@delivery_stamps, a.key), resource_spans.resource.attributes) AS resource_kept,
        arrayMap(a -> @number(a.key), resource_kept) AS resource_numbers
    FROM resources
),
-- 2. name: each attribute's text, its type, and the field that it feeds; content is left behind (D13)
spans AS
(
    SELECT project, received_at, digest, segment, arrayJoin(scope_of_spans.spans) AS span,
        scope_of_spans.scope.name AS scope_name, scope_of_spans.scope.version AS scope_version, arrayFilter(a -> @number(a.key) != @content, scope_of_spans.scope.attributes) AS scope_attributes,
        spanledger_attribute_map(resource_kept) AS resource_attributes, spanledger_attribute_types(resource_kept) AS resource_attribute_types,
        arrayMap(number -> intDiv(number, @preferences), arraySort(resource_numbers)) AS resource_fields,
        arraySort((text, number) -> number, mapValues(resource_attributes), resource_numbers) AS resource_texts,
        arrayFilter(a -> @number(a.key) != @content, span.attributes) AS kept,
        arrayMap(a -> @number(a.key), kept) AS numbers
    FROM scopes
),
read AS
(
    SELECT project, received_at, digest, segment, span, scope_name, scope_version, scope_attributes,
        resource_attributes, resource_attribute_types, resource_fields, resource_texts,
        kept.key AS keys, arrayMap(a -> spanledger_attribute_text(a.value), kept) AS values, spanledger_attribute_types(kept) AS attribute_types,
        -- an attribute without text feeds nothing, so that the next best source can
        arrayMap((number, text) -> if(text = '', 0, number), numbers, values) AS filled,
        arrayMap(number -> intDiv(number, @preferences), arraySort(filled)) AS fields,
        arraySort((text, number) -> number, values, filled) AS texts
    FROM spans
)
SELECT project, received_at, digest, segment,
    -- what the later steps only carry
    CAST((
        lower(hex(span.parent_span_id)), span.trace_state, span.flags, span.name, ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][span.kind + 1],
        @resource_field(service_name), @resource_field(environment), scope_name, scope_version, @field(request_model), @field(response_model),
        @field(streaming) = 'true', span.status.code, span.status.message, @field(finish_reason),
        @field(response_id), @field(service_tier), @field(server_address), @field(agent_name), @field(request_hash),
        @inherited(user_id), @inherited(session_id), @inherited(team), @inherited(feature), @inherited(customer), @inherited(prompt_name), @inherited(prompt_version),
        CAST((keys, values), 'Map(String, String)'), attribute_types, resource_attributes, resource_attribute_types,
        scope_attributes,
        arrayMap(e -> (e.time_unix_nano, e.name, arrayFilter(a -> @number(a.key) != @content, e.attributes), e.dropped_attributes_count), span.events),
        arrayMap(l -> (lower(hex(l.trace_id)), lower(hex(l.span_id)), l.trace_state, arrayFilter(a -> @number(a.key) != @content, l.attributes), l.dropped_attributes_count, l.flags), span.links),
        (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count)
    ) AS @Described) AS described,
    lower(hex(span.trace_id)) AS trace_id, lower(hex(span.span_id)) AS span_id, length(span.parent_span_id) AS parent_length,
    span.start_time_unix_nano AS start_ns, span.end_time_unix_nano AS end_ns, span.status.code AS status_code,
    arrayFirst(text -> text != '', arrayMap(e -> e.attributes[indexOf(e.attributes.key, 'exception.type')].value.string_value, span.events)) AS exception_type,
    @field(operation) AS own_operation, @field(provider) AS provider, if(@field(response_model) = '', @field(request_model), @field(response_model)) AS model,
    if(has(@standard_service_tiers, @field(service_tier)), '', @field(service_tier)) AS tier,
    -- the order of these nine is the order of `counts` and `amounts` below
    [@field(input_tokens), @field(output_tokens), @field(cache_read_tokens), @field(cache_write_tokens), @field(cache_write_1h_tokens),
        @field(reasoning_tokens), @field(audio_input_tokens), @field(audio_output_tokens), @field(audio_cache_read_tokens)] AS reported,
    toDecimal128OrNull(if(@field(reported_currency) IN ('', 'USD'), @field(reported_cost), ''), 12) AS reported_cost_usd, @field(reported_source) AS reported_cost_source,
    toFloat64OrNull(@field(ttft_seconds)) AS ttft_seconds, toUInt16OrZero(@field(http_status)) AS http_status, @field(error_type) AS own_error_type
FROM read
