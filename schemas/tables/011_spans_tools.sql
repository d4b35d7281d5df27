-- Which tool was called, in which conversation. And the tags of every dialect: what stands behind a prefix, and lists of words.
ALTER TABLE spanledger.spans
    ADD COLUMN IF NOT EXISTS tool_name LowCardinality(String) AFTER agent_name,
    ADD COLUMN IF NOT EXISTS tool_call_id String CODEC(ZSTD(1)) AFTER tool_name,
    ADD COLUMN IF NOT EXISTS conversation_id String CODEC(ZSTD(1)) AFTER session_id,
    MODIFY COLUMN column_texts Map(String, String) ALIAS map(
        'team', team, 'feature', feature, 'customer', customer, 'user_id', user_id, 'session_id', session_id, 'conversation_id', conversation_id,
        'prompt_name', prompt_name, 'prompt_version', prompt_version, 'operation', operation, 'provider', provider,
        'request_model', request_model, 'response_model', response_model, 'response_id', response_id,
        'service_tier', service_tier, 'server_address', server_address, 'agent_name', agent_name, 'tool_name', tool_name, 'tool_call_id', tool_call_id,
        'request_hash', request_hash, 'error_type', error_type,
        'input_tokens', toString(ifNull(input_tokens, 0)), 'output_tokens', toString(ifNull(output_tokens, 0)),
        'cache_read_tokens', toString(ifNull(cache_read_tokens, 0)), 'cache_write_tokens', toString(ifNull(cache_write_tokens, 0)),
        'cache_write_1h_tokens', toString(ifNull(cache_write_1h_tokens, 0)), 'reasoning_tokens', toString(ifNull(reasoning_tokens, 0)),
        'audio_input_tokens', toString(ifNull(audio_input_tokens, 0)), 'audio_output_tokens', toString(ifNull(audio_output_tokens, 0)),
        'streaming', toString(streaming), 'ttft_ns', ifNull(toString(ttft_ns / 1000000000), ''),
        'reported_cost_usd', ifNull(toString(toFloat64(reported_cost_usd)), '')),
    MODIFY COLUMN tags Map(String, String) ALIAS spanledger_tags(mapUpdate(resource_attributes, attributes))
