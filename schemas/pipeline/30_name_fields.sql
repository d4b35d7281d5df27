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
        refusal = '' AS stored
    FROM texts
),
told AS
(
    SELECT *, arrayMap((a, text, nth) -> nth = 1 AND stored AND spanledger_column_says(a.2, a.1, text, in_usd),
        named, texts, arrayEnumerateUniq(arrayMap(a -> bitShiftRight(a.2, 8), named))) AS in_column
    FROM fields
)
SELECT origin, resource, span,
    (
        CAST(arrayConcat(unnamed, arrayMap(a -> (@key_of(a.2), a.1), arrayFilter((a, in_column) -> NOT in_column AND a.2 < @of_resource, named, in_column))) AS Map(LowCardinality(String), String)),
        arrayStringConcat(arrayMap(a -> @code(a.2), arrayFilter((a, in_column) -> in_column, named, in_column))),
        @field(request_model), @field(response_model), @field(streaming) = 'true',
        if(startsWith(@field(finish_reason), '['), JSONExtractString(@field(finish_reason), 1), @field(finish_reason)),
        @field(response_id), @field(service_tier), @field(server_address), @field(agent_name), @field(request_hash), @field(user_id), @field(session_id),
        @field(team), @field(feature), @field(customer), @field(prompt_name), @field(prompt_version), @field(reported_cost_source)
    ) AS named,
    refusal, exception_type,
    @field(operation) AS own_operation, @field(provider) AS provider,
    if(@field(response_model) = '', @field(request_model), @field(response_model)) AS model,
    if(has(@standard_service_tiers, @field(service_tier)), '', @field(service_tier)) AS tier,
    [
        @field(input_tokens), @field(output_tokens), @field(cache_read_tokens), @field(cache_write_tokens), @field(cache_write_1h_tokens),
        @field(reasoning_tokens), @field(audio_input_tokens), @field(audio_output_tokens), @field(audio_cache_read_tokens)
    ] AS reported,
    @field(reported_cost_usd) AS reported_cost, @field(reported_currency) AS reported_currency,
    @field(ttft_ns) AS ttft_seconds, @field(http_status) AS http_status, @field(error_type) AS own_error_type
FROM told
