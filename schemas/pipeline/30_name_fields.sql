-- From attributes to fields, as attributes.yaml names them.
CREATE MATERIALIZED VIEW spanledger.name_fields TO spanledger.spans_named AS
WITH named AS
(
    SELECT origin, resource, resource_fields, span, attributes, parent_length, exception_type,
        -- the span's own come first, so that they win
        CAST(arrayConcat(spanledger_attributes_named(attributes, @last_field), CAST(resource_fields AS Array(Tuple(UInt8, String)))) AS @Fields) AS fields
    FROM spanledger.spans_read
)
SELECT origin, resource, span,
    (
        CAST((attributes.key, attributes.text) AS Map(String, String)), attributes.type,
        resource_@field(service_name), resource_@field(environment),
        @field(request_model), @field(response_model), @field(streaming) = 'true', @field(finish_reason), @field(response_id), @field(service_tier),
        @field(server_address), @field(agent_name), @field(request_hash), @field(user_id), @field(session_id),
        @field(team), @field(feature), @field(customer), @field(prompt_name), @field(prompt_version)
    ) AS named,
    parent_length, exception_type,
    @field(operation) AS own_operation, @field(provider) AS provider,
    if(@field(response_model) = '', @field(request_model), @field(response_model)) AS model,
    if(has(@standard_service_tiers, @field(service_tier)), '', @field(service_tier)) AS tier,
    [
        @field(input_tokens), @field(output_tokens), @field(cache_read_tokens), @field(cache_write_tokens), @field(cache_write_1h_tokens),
        @field(reasoning_tokens), @field(audio_input_tokens), @field(audio_output_tokens), @field(audio_cache_read_tokens)
    ] AS reported,
    @field(reported_cost) AS reported_cost, @field(reported_currency) AS reported_currency, @field(reported_source) AS reported_source,
    @field(ttft_seconds) AS ttft_seconds, @field(http_status) AS http_status, @field(error_type) AS own_error_type
FROM named
