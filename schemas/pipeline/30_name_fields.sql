-- From attributes to fields, as attributes.yaml names them. An attribute whose column will say all that it said is not kept
-- beside it: only its code is. (What is used more than once is a step of its own: an alias would be spelled out each time.)
CREATE MATERIALIZED VIEW spanledger.name_fields TO spanledger.spans_named AS
WITH
fields AS
(
    SELECT *, spanledger_attribute_fields(named, spanledger_field_texts(named.1)) AS fields,
        arrayEnumerateUniq(arrayMap(a -> bitAnd(bitShiftRight(a.2, 8), 255), named)) AS nths  -- of a field's
    FROM spanledger.spans_read
),
read AS
(
    SELECT *,
        -- of few words in all, each is looked at once, whatever the number of spans
        @meant(operation) AS meant_operation,
        @meant(finish_reason) AS finish_reason,
        spanledger_host(toLowCardinality(@field(server_address))) AS host,
        toLowCardinality(arrayFirst(name -> name != '', [@field(response_model), @field(model_name), @field(request_model)])) AS model,
        coalesce(nullIf(@provider_of_host(host), ''), nullIf(@provider_of_scope(resource.scope_name), ''), nullIf(@meant(provider), ''), @provider_of_model(model)) AS provider,
        span.status_code = 2 OR @field(error_type) != '' OR @field(level) = 'ERROR' OR toUInt16OrZero(@field(http_status)) >= 400 AS failed,
        if(failed, concat(span.status_message, '\n', @field(status_message), '\n', exception_message), '') AS failure_message,
        -- as Python prints a type: <class 'openai.RateLimitError'>
        replaceRegexpOne(@field(error_type), '^<class \'(.*)\'>$', '\\1') AS said_error_type,
        multiIf(
            match(resource.scope_name, @ttft_not_believed), '',
            @field(ttft_ns) != '' AND NOT match(resource.scope_name, @ttft_in_ms), @field(ttft_ns),
            concat(@field(ttft_ns), @field(ttft_ms)) = '', '',
            toString(toFloat64OrZero(concat(@field(ttft_ns), @field(ttft_ms))) / 1000)) AS ttft_seconds,
        arrayMap(text -> if(toUInt64OrZero(text) <= @limit_tokens, toUInt64OrZero(text), 0), [
            @field(input_tokens), @field(cache_read_tokens), @field(cache_write_tokens), @field(output_tokens), @field(reasoning_tokens),
            if(@field(cache_write_tokens) IN ('', '0'), @field(cache_write_5m_tokens), ''), if(@field(cache_write_tokens) IN ('', '0'), @field(cache_write_1h_tokens), ''), @field(total_tokens)]) AS counts,
        match(resource.scope_name, @scopes_without_cached)
            OR (@field(raw_input_tokens) IN ('', @field(input_tokens)) AND arrayExists((a, nth) -> nth = 1 AND a.2 IN (@sources_without_cached), named, nths)) AS leaves_out_cached,
        match(resource.scope_name, @scopes_without_reasoning) AS leaves_out_reasoning
    FROM fields
),
weighed AS
(
    SELECT *,
        -- no model of embeddings chats
        if(meant_operation IN ('', 'chat') AND concat(@field(input_tokens), @field(output_tokens)) != '' AND match(lower(model), 'embed'), 'embeddings', meant_operation) AS own_operation,
        arrayFirst(status -> status != '', [
            if(failed AND toUInt16OrZero(@field(http_status)) >= 400, @field(http_status), ''), extract(failure_message, @status_in_message),
            extract(failure_message, @status_before_message)]) AS refused_with,
        -- Is what was cached to be added to the input, the reasoning to the output: 1 where that is known, from who says it or from the total
        -- that is said beside them (`more`: by how much it is more than the two), 2 where nothing else can be, 3 where only the total tells
        -- that there was reasoning?
        arrayMap((n, input, output) -> arrayMap((cached, more) -> [
            multiIf(cached = 0 OR NOT input, 0, leaves_out_cached OR more = cached OR more = cached + n[5], 1, cached > n[1], 2, 0),
            multiIf(
                NOT output, 0,
                @field(reasoning_tokens) = '', if(more > 0 AND more != cached AND input AND n[8] != 0 AND has(@providers_by_total, provider), 3, 0),
                n[5] = 0, 0,
                leaves_out_reasoning OR more = cached + n[5] OR (more = n[5] AND more != cached), 1, n[5] > n[4], 2, 0)],
            [n[2] + n[3] + n[6] + n[7]], [toInt64(n[8]) - toInt64(n[1]) - toInt64(n[4])])[1],
            [counts], [@field(input_tokens) != ''], [@field(output_tokens) != ''])[1] AS left_out
    FROM read
),
told AS
(
    SELECT *,
        if(refused_with != '' AND spanledger_error_unspoken(said_error_type), '', said_error_type) AS own_error_type,
        arrayMap((a, nth, elsewhere) -> nth = 1 AND spanledger_column_says(a.2, a.1, elsewhere), named, nths, arrayWithConstant(length(named),
            if(refusal != '', @all_bits, if(own_operation = @field(operation), 0, @bit_of(operation)) + if(provider = @field(provider), 0, @bit_of(provider))
            + if(host = @field(server_address), 0, @bit_of(server_address))
            + if(ttft_seconds = @field(ttft_ns) AND spanledger_double_says(ttft_seconds, 1e9), 0, @bit_of(ttft_ns))
            + if(own_error_type = @field(error_type), 0, @bit_of(error_type))
            + if(left_out[1] = 0, 0, @bit_of(input_tokens)) + if(left_out[2] = 0, 0, @bit_of(output_tokens))
            + if(@field(reported_currency) IN ('', 'USD') AND spanledger_double_says(@field(reported_cost_usd), 1e12), 0, @bit_of(reported_cost_usd))))) AS in_column,
        match(resource.scope_name, @streams_reported_apart) AS streams_apart
    FROM weighed
)
SELECT origin, resource, span,
    (
        CAST(arrayConcat(unnamed, arrayMap(a -> (@key_of(a.2), a.1), arrayFilter((a, in_column) -> NOT in_column AND a.2 < @in_json, named, in_column))) AS Map(LowCardinality(String), String)),
        arrayStringConcat(arrayMap(a -> @code(a.2), arrayFilter((a, in_column) -> in_column, named, in_column))),
        if(@field(request_model) = '', @field(model_name), @field(request_model)), multiIf(@field(response_model) != '', @field(response_model), failed, '', @field(model_name)),  -- where it failed, none answered
        multiIf(@field(streaming) != '', lower(@field(streaming)) = 'true', endsWith(lower(@field(operation)), 'dostream') OR (streams_apart AND span.end_ns = span.start_ns AND @field(duration) != ''), true, NULL), finish_reason,
        @field(response_id), @field(service_tier), host, @field(agent_name), @field(request_hash), @field(user_id),
        if(@field(session_id) = '', @field(conversation_id), @field(session_id)),
        @field(team), @field(feature), @field(customer), @field(prompt_name), @field(prompt_version), @field(reported_cost_source),
        @field(tool_name), @field(tool_call_id), @field(conversation_id), if(span.status_message = '', @field(status_message), span.status_message)
    ) AS named,
    refusal, exception_type,
    own_operation, provider, model,
    if(has(@standard_service_tiers, @field(service_tier)), '', @field(service_tier)) AS tier,
    [
        if(left_out[1] = 0, @field(input_tokens), toString(counts[1] + counts[2] + counts[3] + counts[6] + counts[7])), multiIf(
            left_out[2] = 0, @field(output_tokens),
            left_out[2] = 3, toString(counts[8] - counts[1]), toString(counts[4] + counts[5])),
        @field(cache_read_tokens), if(counts[6] + counts[7] = 0, @field(cache_write_tokens), toString(counts[6] + counts[7])), @field(cache_write_1h_tokens),
        @field(reasoning_tokens), @field(audio_input_tokens), @field(audio_output_tokens), @field(audio_cache_read_tokens)
    ] AS reported,
    [if(left_out[1] = 2, 'input_excluded_cached', ''), if(left_out[2] = 2, 'output_excluded_reasoning', '')] AS guessed,
    @field(reported_cost_usd) AS reported_cost, @field(reported_currency) AS reported_currency,
    ttft_seconds, if(first_token_at = 0 AND lower(@field(streaming)) != 'false', spanledger_instant_ns(@field(first_token_time)), first_token_at) AS first_token_at,
    own_error_type,
    failed,
    refused_with,
    streams_apart,
    -- a stream that is reported apart lasted as long as it says
    if(refusal = '', ifNull(if(streams_apart AND span.end_ns = span.start_ns, spanledger_ttft_ns(@field(duration)), toUInt64(span.end_ns - span.start_ns)), 0), 0) AS duration_ns,
    @field(usage_estimated) = 'true' AS usage_estimated
FROM told
