-- From fields to rows: checked, its tokens in disjoint buckets, priced.
CREATE MATERIALIZED VIEW spanledger.price TO spanledger.spans_in AS
WITH
-- 1. check: what no table should take is refused, alone and with its reason; bad usage only becomes NULL
checked AS
(
    SELECT * EXCEPT (parent_length, ttft_seconds, own_operation, own_error_type, exception_type, status_code),
        multiIf(
            length(trace_id) != 32 OR trace_id = '00000000000000000000000000000000', 'invalid_trace_id',
            length(span_id) != 16 OR span_id = '0000000000000000', 'invalid_span_id',
            parent_length NOT IN (0, 8), 'invalid_parent_span_id',
            start_ns = 0, 'missing_start_time',
            start_ns + @limit_old_ns < received_at, 'start_time_too_old',
            start_ns > received_at + @limit_future_ns, 'start_time_in_future',
            end_ns < start_ns, 'end_before_start',
            end_ns > received_at + @limit_future_ns, 'end_time_in_future',
            '') AS reason,
        -- usage without an operation can only be a model call
        if(own_operation = '' AND reported[1] != '', 'chat', own_operation) AS operation,
        if(ttft_seconds >= 0 AND ttft_seconds < 86400, toUInt64(round(ttft_seconds * 1000000000)), NULL) AS ttft_ns,
        if(status_code = 2 OR own_error_type != '' OR http_status >= 400, 'error', 'ok') AS status,
        multiIf(own_error_type != '', own_error_type, exception_type != '', exception_type, http_status >= 400, toString(http_status), status_code = 2, '_OTHER', '') AS error_type,
        arrayMap(text -> if(toUInt64OrNull(text) <= @limit_tokens, toUInt64OrNull(text), NULL), reported) AS counts
    FROM spanledger.spans_named
),
dated AS
(
    SELECT * EXCEPT (http_status),
        -- refused times never reach a date: no partition is made for them
        fromUnixTimestamp64Nano(if(reason = '', toInt64(start_ns), toInt64(0)), 'UTC') AS timestamp,
        has(@billable_operations, operation) AS billing_owner,
        http_status >= 400 OR toUInt16OrZero(error_type) >= 400 OR has(@refusals, arrayElement(splitByChar('.', error_type), -1)) AS refused,
        arrayMap(count -> toInt64(coalesce(count, 0)), counts) AS amounts
    FROM checked
),
-- 2. bucket: each token in exactly one (D5). Subsets that exceed their total are flagged and not believed.
parted AS
(
    SELECT *,
        toDateTime(timestamp, 'UTC') AS priced_at,
        isNotNull(counts[1]) OR isNotNull(counts[2]) AS has_usage,
        least(amounts[5], amounts[4]) AS written_1h,
        amounts[7] - least(amounts[9], amounts[7]) AS audio_uncached  -- audio that was read from a cache is counted there
    FROM dated
),
rest AS
(
    SELECT *,
        amounts[1] - amounts[3] - amounts[4] - audio_uncached AS text_uncached,
        amounts[2] - amounts[6] - amounts[8] AS text_out,
        tier != '' AND NOT dictHas('spanledger.price_book', (provider, model, tier), priced_at) AS tier_is_unknown
    FROM parted
),
-- 3. look up the rates: the service tier's own, or the list price where it has none
looked_up AS
(
    SELECT * EXCEPT (reported, tier, written_1h, audio_uncached, text_uncached, text_out),
        arrayConcat(
            if(text_uncached >= 0, [text_uncached, amounts[3], amounts[4] - written_1h, written_1h, audio_uncached], [amounts[1], 0, 0, 0, 0]),
            if(text_out >= 0, [text_out, amounts[6], amounts[8]], [amounts[2], 0, 0])) AS buckets,
        arrayFilter(flag -> flag != '', arrayConcat(
            arrayMap((text, count, name) -> multiIf(text = '' OR isNotNull(count), '', startsWith(text, '-'), concat(name, '_negative'),
                toFloat64OrZero(text) > @limit_tokens, concat(name, '_absurd'), concat(name, '_not_a_count')), reported, counts,
                ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'reasoning_tokens', 'audio_input_tokens', 'audio_output_tokens', 'audio_cache_read_tokens']),
            [if(text_uncached < 0, 'input_subsets_exceed_total', ''), if(text_out < 0, 'output_subsets_exceed_total', ''), if(amounts[5] > amounts[4], 'cache_write_1h_exceeds_cache_write', '')])) AS usage_flags,
        spanledger_price_entry(provider, model, if(tier_is_unknown, '', tier), priced_at) AS entry
    FROM rest
),
rated AS
(
    SELECT * EXCEPT (amounts, priced_at), spanledger_price_rates(entry, amounts[1], priced_at) AS rates
    FROM looked_up
),
-- 4. price
listed AS
(
    SELECT * EXCEPT rates, spanledger_list_cost(buckets, rates) AS list_cost, rates[9] >= 0 AS has_rates
    FROM rated
),
settled AS
(
    SELECT *,
        multiIf(
            NOT billing_owner, '',
            NOT has_usage AND status = 'error' AND refused, 'free',
            (NOT has_usage OR isNull(list_cost)) AND isNotNull(reported_cost_usd) AND reported_cost_source != 'local', 'reported',
            NOT has_usage OR isNull(list_cost), 'unpriced',
            notEmpty(usage_flags), 'partial',
            tier_is_unknown, 'estimated',
            'priced') AS cost_status
    FROM listed
)
SELECT
    project, received_at, digest, segment, reason, described, trace_id, span_id, start_ns, end_ns, timestamp, operation, provider, model, ttft_ns,
    if(reason = '', end_ns - start_ns, 0) AS duration_ns, status, error_type, counts, has_usage, buckets, usage_flags,
    multiIf(cost_status = 'free', toDecimal128(0, 12), cost_status = 'reported', reported_cost_usd, cost_status IN ('priced', 'partial', 'estimated'), list_cost, NULL) AS cost_usd,
    cost_status, if(has_rates, entry.5, '') AS price_id, if(has_rates, entry.6, '') AS price_version,
    reported_cost_usd, if(isNull(reported_cost_usd), '', reported_cost_source) AS reported_cost_source, billing_owner
FROM settled
