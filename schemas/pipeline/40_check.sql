-- From texts to figures. Bad usage only becomes NULL.
-- Each token goes into exactly one bucket (D5); subsets that exceed their total are flagged and not believed.
CREATE MATERIALIZED VIEW spanledger.check TO spanledger.spans_checked AS
WITH
figures AS
(
    SELECT *,
        -- usage without an operation can only be a model call, and so can what tells of a stream
        if(own_operation = '' AND (reported[1] != '' OR reported[2] != '' OR (streams_apart AND span.end_ns = span.start_ns AND duration_ns > 0)), 'chat', own_operation) AS operation,
        refused_with != '' AS refused,
        multiIf(
            own_error_type != '', own_error_type,
            exception_type != '' AND NOT (refused AND spanledger_error_unspoken(exception_type)), exception_type,
            refused, refused_with,
            failed, '_OTHER', '') AS error_type,
        multiIf(ttft_seconds != '', spanledger_ttft_ns(ttft_seconds), first_token_at > span.start_ns, first_token_at - span.start_ns, NULL) AS ttft_ns,
        if(reported_currency IN ('', 'USD'), spanledger_reported_cost(reported_cost), NULL) AS reported_cost_usd,
        arrayMap(text -> if(toUInt64OrNull(text) <= @limit_tokens, toUInt64OrNull(text), NULL), reported) AS counts,
        arrayMap(count -> toInt64(coalesce(count, 0)), counts) AS amounts
    FROM spanledger.spans_named
),
    amounts[7] - least(amounts[9], amounts[7]) AS audio_uncached,  -- audio that was read from a cache is counted there
    amounts[1] - amounts[3] - amounts[4] - audio_uncached AS text_uncached,
    amounts[2] - amounts[6] - amounts[8] AS text_out,
    least(amounts[5], amounts[4]) AS written_1h,
    ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'reasoning_tokens', 'audio_input_tokens', 'audio_output_tokens', 'audio_cache_read_tokens'] AS names
SELECT origin, resource, span, named,
    (
        operation, duration_ns, ttft_ns, if(failed, 'error', 'ok'), error_type, counts,
        reported_cost_usd
    ) AS checked,
    refusal,
    -- refused times never reach a date: no partition is made for them
    fromUnixTimestamp64Nano(if(refusal = '', toInt64(span.end_ns - duration_ns), toInt64(0)), 'UTC') AS timestamp,
    provider, model, tier, amounts[1] AS input_tokens,
    arrayConcat(
        if(text_uncached >= 0, [text_uncached, amounts[3], amounts[4] - written_1h, written_1h, audio_uncached], [amounts[1], 0, 0, 0, 0]),
        if(text_out >= 0, [text_out, amounts[6], amounts[8]], [amounts[2], 0, 0])) AS buckets,
    isNotNull(counts[1]) OR isNotNull(counts[2]) AS has_usage,
    arrayFilter(flag -> flag != '', arrayConcat(guessed,
        arrayMap((text, count, name) -> multiIf(
            text = '' OR isNotNull(count), '',
            startsWith(text, '-'), concat(name, '_negative'),
            toFloat64OrZero(text) > @limit_tokens, concat(name, '_absurd'),
            concat(name, '_not_a_count')), reported, counts, names),
        [
            if(text_uncached < 0, 'input_subsets_exceed_total', ''), if(text_out < 0, 'output_subsets_exceed_total', ''),
            if(amounts[5] > amounts[4], 'cache_write_1h_exceeds_cache_write', '')
        ])) AS usage_flags,
    -- where streams are reported apart, a request that was not answered in its own span is told by another
    has(@billable_operations, operation) AND NOT (streams_apart AND span.end_ns > span.start_ns AND NOT has_usage AND NOT failed AND named.response_id = '') AS billing_owner,
    NOT has_usage AND failed AND (refused OR toUInt16OrZero(error_type) >= 400 OR has(@refusals, arrayElement(splitByChar('.', error_type), -1))) AS free,
    if(named.reported_cost_source = 'local', NULL, reported_cost_usd) AS provider_cost_usd,  -- our own SDK only repeats the price book
    usage_estimated
FROM figures
