-- From attributes to fields, as attributes.yaml names them. An attribute whose column will say all that it said is not kept
-- beside it: only its code is.
CREATE MATERIALIZED VIEW spanledger.name_fields TO spanledger.spans_named AS
WITH
texts AS
(
    SELECT *, spanledger_field_texts(named.1) AS texts
    FROM spanledger.spans_read
),
fields AS
(
    SELECT *, spanledger_attribute_fields(named, texts) AS fields,
        @field(reported_currency) IN ('', 'USD') AS in_usd,
        refusal = '' AS stored,
        arrayEnumerateUniq(arrayMap(a -> bitShiftRight(a.2, 8), named)) AS nths,
        toLowCardinality(lower(@field(operation))) AS said_operation, toLowCardinality(substringIndex(said_operation, '.', -1)) AS short_operation,
        toLowCardinality(lower(@field(provider))) AS said_provider, toLowCardinality(substringIndex(said_provider, '.', 1)) AS short_provider,
        toLowCardinality(spanledger_host(@field(server_address))) AS host,
        if(@field(request_model) = '', @field(model_name), @field(request_model)) AS request_model,
        if(@field(response_model) = '', @field(model_name), @field(response_model)) AS response_model,
        toLowCardinality(if(response_model = '', request_model, response_model)) AS model,
        toLowCardinality(if(startsWith(@field(finish_reason), '['), JSONExtractString(@field(finish_reason), 1), @field(finish_reason))) AS said_reason, lower(said_reason) AS lower_reason
    FROM texts
),
worded AS
(
    SELECT *,
        multiIf(@is_synonym(operation, said_operation), @synonym(operation, said_operation), @is_synonym(operation, short_operation), @synonym(operation, short_operation), said_operation) AS own_operation,
        multiIf(@is_synonym(provider, said_provider), @synonym(provider, said_provider), @is_synonym(provider, short_provider), @synonym(provider, short_provider), said_provider) AS named_provider,
        @provider_of_host(host) AS host_provider,
        multiIf(host_provider != '', host_provider, named_provider != '', named_provider, @provider_of_model(model)) AS provider,
        if(@is_synonym(finish_reason, lower_reason), @synonym(finish_reason, lower_reason), said_reason) AS finish_reason,
        if(match(resource.scope_name, @ttft_not_believed), '', @field(ttft_ns)) AS ttft_seconds,
        -- input to which the cached tokens are to be added, output to which the reasoning is: known so, or because nothing else can be
        arrayMap(text -> if(toUInt64OrZero(text) <= @limit_tokens, toUInt64OrZero(text), 0), [@field(input_tokens), @field(cache_read_tokens), @field(cache_write_tokens), @field(output_tokens), @field(reasoning_tokens)]) AS counts,
        @field(input_tokens) != '' AND counts[2] + counts[3] > 0 AS has_cached,
        has_cached AND (match(resource.scope_name, @scopes_without_cached) OR arrayExists((a, nth) -> nth = 1 AND a.2 IN (@sources_without_cached), named, nths)) AS known_without_cached,
        has_cached AND NOT known_without_cached AND counts[2] + counts[3] > counts[1] AS guessed_without_cached,
        counts[5] > counts[4] AND @field(output_tokens) != '' AS guessed_without_reasoning
    FROM fields
),
told AS
(
    SELECT *,
        if(own_operation = @field(operation), 0, @bit_of(operation)) + if(provider = @field(provider), 0, @bit_of(provider))
        + if(host = @field(server_address), 0, @bit_of(server_address)) + if(ttft_seconds = @field(ttft_ns), 0, @bit_of(ttft_ns))
        + if(known_without_cached OR guessed_without_cached, @bit_of(input_tokens), 0) + if(guessed_without_reasoning, @bit_of(output_tokens), 0) AS reworded,
        arrayMap((a, text, nth) -> nth = 1 AND stored AND spanledger_column_says(a.2, a.1, text, in_usd, reworded), named, texts, nths) AS in_column
    FROM worded
)
SELECT origin, resource, span,
    (
        CAST(arrayConcat(unnamed, arrayMap(a -> (@key_of(a.2), a.1), arrayFilter((a, in_column) -> NOT in_column AND a.2 < @of_resource AND NOT bitTest(a.2, 7), named, in_column))) AS Map(LowCardinality(String), String)),
        arrayStringConcat(arrayMap(a -> @code(a.2), arrayFilter((a, in_column) -> in_column, named, in_column))),
        request_model, response_model, multiIf(@field(streaming) != '', @field(streaming) = 'true', endsWith(said_operation, 'dostream'), true, NULL), finish_reason,
        @field(response_id), @field(service_tier), host, @field(agent_name), @field(request_hash), @field(user_id),
        if(@field(session_id) = '', @field(conversation_id), @field(session_id)),
        @field(team), @field(feature), @field(customer), @field(prompt_name), @field(prompt_version), @field(reported_cost_source),
        @field(tool_name), @field(tool_call_id), @field(conversation_id), if(span.status_message = '', @field(status_message), span.status_message)
    ) AS named,
    refusal, exception_type,
    own_operation, provider, model,
    if(has(@standard_service_tiers, @field(service_tier)), '', @field(service_tier)) AS tier,
    [
        if(known_without_cached OR guessed_without_cached, toString(counts[1] + counts[2] + counts[3]), @field(input_tokens)),
        if(guessed_without_reasoning, toString(counts[4] + counts[5]), @field(output_tokens)),
        @field(cache_read_tokens), @field(cache_write_tokens), @field(cache_write_1h_tokens),
        @field(reasoning_tokens), @field(audio_input_tokens), @field(audio_output_tokens), @field(audio_cache_read_tokens)
    ] AS reported,
    arrayFilter(flag -> flag != '', [if(guessed_without_cached, 'input_excluded_cached', ''), if(guessed_without_reasoning, 'output_excluded_reasoning', '')]) AS guessed,
    @field(reported_cost_usd) AS reported_cost, @field(reported_currency) AS reported_currency,
    [ttft_seconds, @field(ttft_ms), @field(first_token_time)] AS ttft_said, first_token_at,
    @field(http_status) AS http_status, @field(error_type) AS own_error_type, @field(level) AS level, exception_message, @field(duration) AS said_duration
FROM told
