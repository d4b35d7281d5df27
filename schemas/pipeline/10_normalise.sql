-- From requests to rows: one row a span, its attributes in the columns that attributes.yaml gives them, checked, its tokens
-- in disjoint buckets, priced. Everything that could throw is here and is total, so a segment fails here, before anything
-- is posted, or nowhere (D15). Each step is small on purpose: ClickHouse names an expression by its text, and long chains
-- of aliases in one SELECT cost more to plan than 20,000 spans cost to compute.
CREATE MATERIALIZED VIEW spanledger.normalise TO spanledger.spans_in AS
WITH
-- 1. flatten: requests to resources to scopes to spans
resources AS
(
    SELECT project, received_at, digest, segment, arrayJoin(request.resource_spans) AS resource_spans
    FROM spanledger.otlp_traces
),
kept_resources AS
(
    SELECT project, received_at, digest, segment, resource_spans.scope_spans AS scope_spans,
        arrayFilter(a -> NOT has(@delivery_stamps, a.key), spanledger_kept(resource_spans.resource.attributes)) AS kept
    FROM resources
),
read_resources AS
(
    SELECT project, received_at, digest, segment, scope_spans, spanledger_attribute_map(kept) AS resource_attributes, spanledger_attribute_types(kept) AS resource_attribute_types,
        arrayMap(key -> @number(key), kept.key) AS numbers
    FROM kept_resources
),
sorted_resources AS
(
    SELECT *, arrayMap(number -> intDiv(number, @preferences), arraySort(numbers)) AS fields, arraySort((text, number) -> number, mapValues(resource_attributes), numbers) AS texts
    FROM read_resources
),
scopes AS
(
    SELECT project, received_at, digest, segment, resource_attributes, resource_attribute_types,
        @field(service_name) AS service_name, @field(environment) AS environment,
        @field(team) AS resource_team, @field(feature) AS resource_feature, @field(customer) AS resource_customer, @field(user_id) AS resource_user_id,
        @field(session_id) AS resource_session_id, @field(prompt_name) AS resource_prompt_name, @field(prompt_version) AS resource_prompt_version,
        spanledger_tags(resource_attributes) AS resource_tags,
        arrayJoin(scope_spans) AS scope_of_spans
    FROM sorted_resources
),
flat AS
(
    SELECT * EXCEPT (scope_of_spans), scope_of_spans.scope.name AS scope_name, scope_of_spans.scope.version AS scope_version,
        spanledger_kept(scope_of_spans.scope.attributes) AS scope_kept,
        arrayJoin(scope_of_spans.spans) AS span
    FROM scopes
),
-- 2. name: each attribute's text, its type, and the field that it feeds; content is left behind (D13)
numbered AS
(
    SELECT * EXCEPT (scope_kept, span),
        spanledger_attribute_map(scope_kept) AS scope_attributes, spanledger_attribute_types(scope_kept) AS scope_attribute_types,
        lower(hex(span.trace_id)) AS trace_id, lower(hex(span.span_id)) AS span_id, lower(hex(span.parent_span_id)) AS parent_span_id,
        span.trace_state AS trace_state, span.flags AS flags, span.name AS name,
        ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][span.kind + 1] AS kind,
        span.start_time_unix_nano AS start_ns, span.end_time_unix_nano AS end_ns,
        span.status.code AS status_code, span.status.message AS status_message,
        span.attributes AS all_attributes, arrayMap(key -> @number(key), span.attributes.key) AS all_numbers,
        arrayMap(e -> (e.time_unix_nano, e.name, spanledger_attribute_map(spanledger_kept(e.attributes)), spanledger_attribute_types(spanledger_kept(e.attributes)), e.dropped_attributes_count), span.events) AS events,
        arrayMap(l -> (lower(hex(l.trace_id)), lower(hex(l.span_id)), l.trace_state, spanledger_attribute_map(spanledger_kept(l.attributes)), spanledger_attribute_types(spanledger_kept(l.attributes)), l.dropped_attributes_count, l.flags), span.links) AS links,
        (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count) AS dropped_counts
    FROM flat
),
kept AS
(
    SELECT * EXCEPT (all_attributes, all_numbers),
        arrayFilter((a, number) -> number != @content, all_attributes, all_numbers) AS kept,
        arrayFilter(number -> number != @content, all_numbers) AS numbers
    FROM numbered
),
read AS
(
    SELECT * EXCEPT (kept), kept.key AS keys, arrayMap(a -> spanledger_attribute_text(a.value), kept) AS values, spanledger_attribute_types(kept) AS attribute_types
    FROM kept
),
sorted AS
(
    SELECT * EXCEPT (keys, values, numbers, resource_tags),
        CAST((keys, values), 'Map(String, String)') AS attributes,
        -- an attribute without text feeds nothing, so that the next best source can
        arrayMap((number, text) -> if(text = '', 0, number), numbers, values) AS filled,
        arrayMap(number -> intDiv(number, @preferences), arraySort(filled)) AS fields,
        arraySort((text, number) -> number, values, filled) AS texts,
        mapUpdate(resource_tags, spanledger_tags(attributes)) AS tags
    FROM read
),
named AS
(
    SELECT * EXCEPT (filled, fields, texts, resource_team, resource_feature, resource_customer, resource_user_id, resource_session_id, resource_prompt_name, resource_prompt_version),
        @field(operation) AS own_operation, @field(provider) AS provider, @field(request_model) AS request_model, @field(response_model) AS response_model,
        @field(input_tokens) AS raw_input, @field(output_tokens) AS raw_output, @field(cache_read_tokens) AS raw_cache_read, @field(cache_write_tokens) AS raw_cache_write,
        @field(cache_write_1h_tokens) AS raw_cache_write_1h, @field(reasoning_tokens) AS raw_reasoning, @field(audio_input_tokens) AS raw_audio_in, @field(audio_output_tokens) AS raw_audio_out,
        @field(audio_cache_read_tokens) AS raw_audio_cache_read,
        @field(reported_cost) AS raw_cost, @field(reported_currency) AS raw_currency, @field(reported_source) AS raw_cost_source,
        @field(ttft_seconds) AS raw_ttft, @field(streaming) = 'true' AS streaming, @field(http_status) AS raw_http_status, @field(error_type) AS own_error_type,
        @field(finish_reason) AS finish_reasons, @field(response_id) AS response_id, @field(service_tier) AS service_tier, @field(server_address) AS server_address,
        @field(agent_name) AS agent_name, @field(request_hash) AS request_hash,
        -- attribution: the span's own, else its resource's
        if(@field(team) = '', resource_team, @field(team)) AS team, if(@field(feature) = '', resource_feature, @field(feature)) AS feature,
        if(@field(customer) = '', resource_customer, @field(customer)) AS customer, if(@field(user_id) = '', resource_user_id, @field(user_id)) AS user_id,
        if(@field(session_id) = '', resource_session_id, @field(session_id)) AS session_id,
        if(@field(prompt_name) = '', resource_prompt_name, @field(prompt_name)) AS prompt_name, if(@field(prompt_version) = '', resource_prompt_version, @field(prompt_version)) AS prompt_version
    FROM sorted
),
-- 3. check: what no table should take is refused here, alone and with its reason; bad usage only becomes NULL
checked AS
(
    SELECT * EXCEPT (own_operation, raw_cost, raw_currency, raw_audio_cache_read),
        multiIf(
            length(trace_id) != 32 OR trace_id = '00000000000000000000000000000000', 'invalid_trace_id',
            length(span_id) != 16 OR span_id = '0000000000000000', 'invalid_span_id',
            length(parent_span_id) NOT IN (0, 16), 'invalid_parent_span_id',
            start_ns = 0, 'missing_start_time',
            toInt256(start_ns) < toInt256(received_at) - @limit_old_ns, 'start_time_too_old',
            toInt256(start_ns) > toInt256(received_at) + @limit_future_ns, 'start_time_in_future',
            end_ns < start_ns, 'end_before_start',
            toInt256(end_ns) > toInt256(received_at) + @limit_future_ns, 'end_time_in_future',
            '') AS reason,
        -- usage without an operation can only be a model call
        if(own_operation = '' AND raw_input != '', 'chat', own_operation) AS operation,
        if(response_model = '', request_model, response_model) AS model,
        spanledger_tokens(raw_input) AS input_tokens, spanledger_tokens(raw_output) AS output_tokens,
        spanledger_tokens(raw_cache_read) AS cache_read_tokens, spanledger_tokens(raw_cache_write) AS cache_write_tokens, spanledger_tokens(raw_cache_write_1h) AS cache_write_1h_tokens,
        spanledger_tokens(raw_reasoning) AS reasoning_tokens, spanledger_tokens(raw_audio_in) AS audio_input_tokens, spanledger_tokens(raw_audio_out) AS audio_output_tokens,
        toFloat64OrNull(raw_ttft) AS ttft_seconds,
        toUInt16OrZero(raw_http_status) AS http_status,
        arrayFirst(text -> text != '', arrayMap(e -> e.3['exception.type'], events)) AS exception_type,
        toDecimal128OrNull(if(raw_currency IN ('', 'USD'), raw_cost, ''), 12) AS reported_cost_usd,
        coalesce(spanledger_tokens(raw_audio_cache_read), 0) AS audio_cached
    FROM named
),
judged AS
(
    SELECT * EXCEPT (raw_cost_source, raw_ttft, raw_http_status, ttft_seconds, exception_type, finish_reasons, audio_cached),
        -- refused times never reach a date: no partition is made for them
        fromUnixTimestamp64Nano(if(reason = '', toInt64(start_ns), toInt64(0)), 'UTC') AS timestamp,
        if(reason = '', end_ns - start_ns, 0) AS duration_ns,
        has(@billable_operations, operation) AS billing_owner,
        if(ttft_seconds >= 0 AND ttft_seconds < 86400, toUInt64(round(ttft_seconds * 1000000000)), NULL) AS ttft_ns,
        if(startsWith(finish_reasons, '['), JSONExtractString(finish_reasons, 1), finish_reasons) AS finish_reason,
        if(isNull(reported_cost_usd), '', raw_cost_source) AS reported_cost_source,
        if(status_code = 2 OR own_error_type != '' OR http_status >= 400, 'error', 'ok') AS status,
        multiIf(own_error_type != '', own_error_type, exception_type != '', exception_type, http_status >= 400, toString(http_status), status_code = 2, '_OTHER', '') AS error_type,
        coalesce(input_tokens, 0) AS total_in, coalesce(output_tokens, 0) AS total_out,
        coalesce(cache_read_tokens, 0) AS sub_cache_read, coalesce(cache_write_tokens, 0) AS sub_cache_write,
        least(coalesce(cache_write_1h_tokens, 0), sub_cache_write) AS sub_cache_write_1h,
        -- audio that was read from a cache is counted there
        coalesce(audio_input_tokens, 0) - least(audio_cached, coalesce(audio_input_tokens, 0)) AS sub_audio_in,
        coalesce(reasoning_tokens, 0) AS sub_reasoning, coalesce(audio_output_tokens, 0) AS sub_audio_out
    FROM checked
),
-- 4. disjoint buckets (D5): each token in exactly one. Subsets that exceed their total are flagged and not believed.
bucketed AS
(
    SELECT *,
        sub_cache_read + sub_cache_write + sub_audio_in <= total_in AS input_adds_up, sub_reasoning + sub_audio_out <= total_out AS output_adds_up,
        isNotNull(input_tokens) OR isNotNull(output_tokens) AS has_usage,
        toInt64(if(input_adds_up, total_in - sub_cache_read - sub_cache_write - sub_audio_in, total_in)) AS n_input_uncached,
        toInt64(if(input_adds_up, sub_cache_read, 0)) AS n_cache_read,
        toInt64(if(input_adds_up, sub_cache_write - sub_cache_write_1h, 0)) AS n_cache_write_5m,
        toInt64(if(input_adds_up, sub_cache_write_1h, 0)) AS n_cache_write_1h,
        toInt64(if(input_adds_up, sub_audio_in, 0)) AS n_audio_in,
        toInt64(if(output_adds_up, total_out - sub_reasoning - sub_audio_out, total_out)) AS n_output_text,
        toInt64(if(output_adds_up, sub_reasoning, 0)) AS n_reasoning,
        toInt64(if(output_adds_up, sub_audio_out, 0)) AS n_audio_out,
        http_status >= 400 OR toUInt16OrZero(error_type) >= 400 OR has(@refusals, arrayElement(splitByChar('.', error_type), -1)) AS refused,
        if(has(@standard_service_tiers, service_tier), '', service_tier) AS tier,
        toDateTime(timestamp, 'UTC') AS priced_at,
        arrayFilter(flag -> flag != '', [
            spanledger_usage_flag('input_tokens', raw_input, input_tokens), spanledger_usage_flag('output_tokens', raw_output, output_tokens),
            spanledger_usage_flag('cache_read_tokens', raw_cache_read, cache_read_tokens), spanledger_usage_flag('cache_write_tokens', raw_cache_write, cache_write_tokens),
            spanledger_usage_flag('cache_write_1h_tokens', raw_cache_write_1h, cache_write_1h_tokens), spanledger_usage_flag('reasoning_tokens', raw_reasoning, reasoning_tokens),
            spanledger_usage_flag('audio_input_tokens', raw_audio_in, audio_input_tokens), spanledger_usage_flag('audio_output_tokens', raw_audio_out, audio_output_tokens),
            if(isNotNull(input_tokens) AND NOT input_adds_up, 'input_subsets_exceed_total', ''),
            if(isNotNull(output_tokens) AND NOT output_adds_up, 'output_subsets_exceed_total', ''),
            if(coalesce(cache_write_1h_tokens, 0) > sub_cache_write, 'cache_write_1h_exceeds_cache_write', '')
        ]) AS usage_flags
    FROM judged
),
-- 5. look up the rate card: the service tier's own, or the list price where it has none
tiered AS
(
    SELECT *, tier != '' AND NOT dictHas('spanledger.price_book', (provider, model, tier), priced_at) AS tier_is_unknown
    FROM bucketed
),
looked_up AS
(
    SELECT *,
        dictGet('spanledger.price_book', ('input_from', 'minute_from', 'minute_to', 'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'audio_in', 'output_text', 'reasoning', 'audio_out', 'price_id', 'price_version'),
            (provider, model, if(tier_is_unknown, '', tier)), priced_at) AS rates
    FROM tiered
),
carded AS
(
    SELECT *, toHour(priced_at) * 60 + toMinute(priced_at) AS minute_of_day,
        arrayFirstIndex((input_from, minute_from, minute_to) -> total_in >= input_from AND minute_of_day >= minute_from AND minute_of_day < minute_to, rates.1, rates.2, rates.3) AS card
    FROM looked_up
),
-- 6. price: Σ tokens × USD per million tokens, rounded half-even to 12 decimals, once (D8)
charged AS
(
    SELECT *,
        spanledger_charge(n_input_uncached, rates.4[card]) + spanledger_charge(n_cache_read, rates.5[card]) + spanledger_charge(n_cache_write_5m, rates.6[card]) + spanledger_charge(n_cache_write_1h, rates.7[card])
            + spanledger_charge(n_audio_in, rates.8[card]) + spanledger_charge(n_output_text, rates.9[card]) + spanledger_charge(n_reasoning, rates.10[card]) + spanledger_charge(n_audio_out, rates.11[card]) AS micro_usd
    FROM carded
),
listed AS
(
    SELECT *,
        if(card = 0, NULL, roundBankers(CAST(micro_usd, 'Nullable(Decimal(38, 18))') / 1000000, 12)) AS list_cost,
        isNotNull(reported_cost_usd) AND reported_cost_source != 'local' AS is_reported
    FROM charged
),
settled AS
(
    SELECT *,
        multiIf(
            NOT billing_owner, '',
            NOT has_usage AND status = 'error' AND refused, 'free',
            (NOT has_usage OR isNull(list_cost)) AND is_reported, 'reported',
            NOT has_usage OR isNull(list_cost), 'unpriced',
            notEmpty(usage_flags), 'partial',
            tier_is_unknown, 'estimated',
            'priced') AS cost_status
    FROM listed
)
SELECT
    project, received_at, digest, segment, reason, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start_ns, end_ns, timestamp,
    service_name, environment, scope_name, scope_version, operation, provider, request_model, response_model, model, duration_ns, ttft_ns, streaming,
    status, status_code, status_message, error_type, finish_reason,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, usage_flags,
    if(has_usage, n_input_uncached, NULL) AS input_uncached, if(has_usage, n_cache_read, NULL) AS cache_read, if(has_usage, n_cache_write_5m, NULL) AS cache_write_5m,
    if(has_usage, n_cache_write_1h, NULL) AS cache_write_1h, if(has_usage, n_audio_in, NULL) AS audio_in, if(has_usage, n_output_text, NULL) AS output_text,
    if(has_usage, n_reasoning, NULL) AS reasoning, if(has_usage, n_audio_out, NULL) AS audio_out,
    multiIf(cost_status = 'free', toDecimal128(0, 12), cost_status = 'reported', reported_cost_usd, cost_status IN ('priced', 'partial', 'estimated'), list_cost, NULL) AS cost_usd,
    cost_status, if(card = 0, '', rates.12) AS price_id, if(card = 0, '', rates.13) AS price_version,
    reported_cost_usd, reported_cost_source, billing_owner, response_id, service_tier, server_address, agent_name, request_hash,
    user_id, session_id, team, feature, customer, prompt_name, prompt_version, tags,
    attributes, attribute_types, resource_attributes, resource_attribute_types, scope_attributes, scope_attribute_types, events, links, dropped_counts
FROM settled
