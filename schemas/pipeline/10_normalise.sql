-- From requests to rows: one row a span, its attributes in the columns that attributes.yaml gives them, checked, its tokens
-- in disjoint buckets, priced. Read it from the innermost query outwards: flatten, name, check, bucket, look up, price.
-- Everything that could throw is here and is total, so a segment fails here, before anything is posted, or nowhere (D15).
CREATE MATERIALIZED VIEW spanledger.normalise TO spanledger.spans_in AS
SELECT
    * EXCEPT (own_error_type, http_status, refused, ttft_seconds, finish_reasons, audio_cached, subsets_in, subsets_out, input_adds_up, output_adds_up, has_usage, tier, tier_is_unknown, card, list_cost),
    -- 6. price. Σ tokens × USD per million tokens, rounded half-even once, to 12 decimals (D8).
    multiIf(
        NOT billing_owner, '',
        NOT has_usage AND status = 'error' AND refused, 'free',
        NOT has_usage, if(isNotNull(reported_cost_usd) AND reported_cost_source != 'local', 'reported', 'unpriced'),
        isNull(list_cost) AND isNotNull(reported_cost_usd) AND reported_cost_source != 'local', 'reported',
        isNull(list_cost), 'unpriced',
        notEmpty(usage_flags), 'partial',
        tier_is_unknown, 'estimated',
        'priced') AS cost_status,
    multiIf(
        cost_status = 'free', toDecimal128(0, 12),
        cost_status = 'reported', reported_cost_usd,
        cost_status IN ('priced', 'partial', 'estimated'), list_cost,
        NULL) AS cost_usd
FROM
(
    SELECT
        * EXCEPT (rates, minute_of_day),
        arrayFirstIndex((minute_from, minute_to, input_from) -> minute_of_day >= minute_from AND minute_of_day < minute_to AND coalesce(input_tokens, 0) >= input_from,
            rates.minute_from, rates.minute_to, rates.input_from) AS card,
        if(card = 0, NULL, toDecimal128(roundBankers(
            CAST(spanledger_charge(input_uncached, rates.input_uncached, card) + spanledger_charge(cache_read, rates.cache_read, card)
               + spanledger_charge(cache_write_5m, rates.cache_write_5m, card) + spanledger_charge(cache_write_1h, rates.cache_write_1h, card)
               + spanledger_charge(audio_in, rates.audio_in, card) + spanledger_charge(output_text, rates.output_text, card)
               + spanledger_charge(reasoning, rates.reasoning, card) + spanledger_charge(audio_out, rates.audio_out, card),
               'Nullable(Decimal(38, 18))') / 1000000, 12), 12)) AS list_cost,
        if(card = 0, '', rates.price_id) AS price_id,
        if(card = 0, '', rates.price_version) AS price_version
    FROM
    (
        SELECT
            *,
            -- 5. look up the rate cards: those of the service tier, or the list price where the tier has none
            spanledger_priced_tier(service_tier) AS tier,
            tier != '' AND NOT dictHas('spanledger.price_book', (provider, model, tier), toDateTime(timestamp, 'UTC')) AS tier_is_unknown,
            CAST(dictGet('spanledger.price_book',
                ('minute_from', 'minute_to', 'input_from', 'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'audio_in', 'output_text', 'reasoning', 'audio_out', 'price_id', 'price_version'),
                (provider, model, if(tier_is_unknown, '', tier)), toDateTime(timestamp, 'UTC')),
                'Tuple(minute_from Array(UInt16), minute_to Array(UInt16), input_from Array(UInt64), input_uncached Array(Nullable(Decimal(18, 12))), cache_read Array(Nullable(Decimal(18, 12))), cache_write_5m Array(Nullable(Decimal(18, 12))), cache_write_1h Array(Nullable(Decimal(18, 12))), audio_in Array(Nullable(Decimal(18, 12))), output_text Array(Nullable(Decimal(18, 12))), reasoning Array(Nullable(Decimal(18, 12))), audio_out Array(Nullable(Decimal(18, 12))), price_id String, price_version String)') AS rates,
            toHour(timestamp) * 60 + toMinute(timestamp) AS minute_of_day
        FROM
        (
            SELECT
                * EXCEPT (raw_input, raw_output, raw_cache_read, raw_cache_write, raw_cache_write_1h, raw_reasoning, raw_audio_in, raw_audio_out),
                -- 4. disjoint buckets (D5): each token in exactly one. Subsets that exceed their total are flagged and dropped.
                coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0) + (coalesce(audio_input_tokens, 0) - least(audio_cached, coalesce(audio_input_tokens, 0))) AS subsets_in,
                coalesce(reasoning_tokens, 0) + coalesce(audio_output_tokens, 0) AS subsets_out,
                isNotNull(input_tokens) AND subsets_in <= input_tokens AS input_adds_up,
                isNotNull(output_tokens) AND subsets_out <= output_tokens AS output_adds_up,
                isNotNull(input_tokens) OR isNotNull(output_tokens) AS has_usage,
                if(isNull(input_tokens), NULL, if(input_adds_up, input_tokens - subsets_in, input_tokens)) AS input_uncached,
                if(isNull(input_tokens), NULL, if(input_adds_up, coalesce(cache_read_tokens, 0), 0)) AS cache_read,
                if(isNull(input_tokens), NULL, if(input_adds_up, coalesce(cache_write_tokens, 0) - least(coalesce(cache_write_1h_tokens, 0), coalesce(cache_write_tokens, 0)), 0)) AS cache_write_5m,
                if(isNull(input_tokens), NULL, if(input_adds_up, least(coalesce(cache_write_1h_tokens, 0), coalesce(cache_write_tokens, 0)), 0)) AS cache_write_1h,
                if(isNull(input_tokens), NULL, if(input_adds_up, coalesce(audio_input_tokens, 0) - least(audio_cached, coalesce(audio_input_tokens, 0)), 0)) AS audio_in,
                if(isNull(output_tokens), NULL, if(output_adds_up, output_tokens - subsets_out, output_tokens)) AS output_text,
                if(isNull(output_tokens), NULL, if(output_adds_up, coalesce(reasoning_tokens, 0), 0)) AS reasoning,
                if(isNull(output_tokens), NULL, if(output_adds_up, coalesce(audio_output_tokens, 0), 0)) AS audio_out,
                arrayFilter(flag -> flag != '', [
                    spanledger_usage_flag('input_tokens', raw_input, input_tokens), spanledger_usage_flag('output_tokens', raw_output, output_tokens),
                    spanledger_usage_flag('cache_read_tokens', raw_cache_read, cache_read_tokens), spanledger_usage_flag('cache_write_tokens', raw_cache_write, cache_write_tokens),
                    spanledger_usage_flag('cache_write_1h_tokens', raw_cache_write_1h, cache_write_1h_tokens), spanledger_usage_flag('reasoning_tokens', raw_reasoning, reasoning_tokens),
                    spanledger_usage_flag('audio_input_tokens', raw_audio_in, audio_input_tokens), spanledger_usage_flag('audio_output_tokens', raw_audio_out, audio_output_tokens),
                    if(isNotNull(input_tokens) AND NOT input_adds_up, 'input_subsets_exceed_total', ''),
                    if(isNotNull(output_tokens) AND NOT output_adds_up, 'output_subsets_exceed_total', ''),
                    if(coalesce(cache_write_1h_tokens, 0) > coalesce(cache_write_tokens, 0), 'cache_write_1h_exceeds_cache_write', '')
                ]) AS usage_flags
            FROM
            (
                SELECT
                    project, received_at, digest, segment, trace_state, flags, parent_span_id, start_ns, end_ns, status_code, status_message, name,
                    scope_name, scope_version, scope_attributes, scope_attribute_types, resource_attributes, resource_attribute_types,
                    attributes, attribute_types, tags, events, links, dropped_counts,
                    lower(hex(raw_trace_id)) AS trace_id,
                    lower(hex(raw_span_id)) AS span_id,
                    -- 3. check: what no table should take is refused here, alone and with its reason
                    multiIf(
                        length(raw_trace_id) != 16 OR raw_trace_id = unhex('00000000000000000000000000000000'), 'invalid_trace_id',
                        length(raw_span_id) != 8 OR raw_span_id = unhex('0000000000000000'), 'invalid_span_id',
                        length(parent_span_id) NOT IN (0, 16), 'invalid_parent_span_id',
                        start_ns = 0, 'missing_start_time',
                        start_ns < minus(received_at, spanledger_limit_old_ns()), 'start_time_too_old',
                        start_ns > received_at + spanledger_limit_future_ns(), 'start_time_in_future',
                        end_ns < start_ns, 'end_before_start',
                        end_ns > received_at + spanledger_limit_future_ns(), 'end_time_in_future',
                        '') AS reason,
                    -- refused times never reach a date: no partition is made for them
                    fromUnixTimestamp64Nano(if(reason = '', toInt64(start_ns), toInt64(0)), 'UTC') AS timestamp,
                    if(reason = '', end_ns - start_ns, 0) AS duration_ns,
                    ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][kind_number + 1] AS kind,
                    resource_service_name AS service_name,
                    resource_environment AS environment,
                    spanledger_field('provider', fields, texts) AS provider,
                    spanledger_field('request_model', fields, texts) AS request_model,
                    spanledger_field('response_model', fields, texts) AS response_model,
                    spanledger_first_filled(response_model, request_model) AS model,
                    spanledger_field('input_tokens', fields, texts) AS raw_input,
                    spanledger_field('output_tokens', fields, texts) AS raw_output,
                    spanledger_field('cache_read_tokens', fields, texts) AS raw_cache_read,
                    spanledger_field('cache_write_tokens', fields, texts) AS raw_cache_write,
                    spanledger_field('cache_write_1h_tokens', fields, texts) AS raw_cache_write_1h,
                    spanledger_field('reasoning_tokens', fields, texts) AS raw_reasoning,
                    spanledger_field('audio_input_tokens', fields, texts) AS raw_audio_in,
                    spanledger_field('audio_output_tokens', fields, texts) AS raw_audio_out,
                    spanledger_tokens(raw_input) AS input_tokens,
                    spanledger_tokens(raw_output) AS output_tokens,
                    spanledger_tokens(raw_cache_read) AS cache_read_tokens,
                    spanledger_tokens(raw_cache_write) AS cache_write_tokens,
                    spanledger_tokens(raw_cache_write_1h) AS cache_write_1h_tokens,
                    spanledger_tokens(raw_reasoning) AS reasoning_tokens,
                    spanledger_tokens(raw_audio_in) AS audio_input_tokens,
                    spanledger_tokens(raw_audio_out) AS audio_output_tokens,
                    coalesce(spanledger_tokens(spanledger_field('audio_cache_read_tokens', fields, texts)), 0) AS audio_cached,
                    -- usage without an operation can only be a model call
                    if(spanledger_field('operation', fields, texts) = '' AND raw_input != '', 'chat', spanledger_field('operation', fields, texts)) AS operation,
                    spanledger_is_billable(operation) AS billing_owner,
                    toDecimal128OrNull(if(spanledger_field('reported_currency', fields, texts) IN ('', 'USD'), spanledger_field('reported_cost', fields, texts), ''), 12) AS reported_cost_usd,
                    if(isNull(reported_cost_usd), '', spanledger_field('reported_source', fields, texts)) AS reported_cost_source,
                    toFloat64OrNull(spanledger_field('ttft_seconds', fields, texts)) AS ttft_seconds,
                    if(ttft_seconds >= 0 AND ttft_seconds < 86400, toUInt64(round(ttft_seconds * 1000000000)), NULL) AS ttft_ns,
                    spanledger_field('streaming', fields, texts) = 'true' AS streaming,
                    toUInt16OrZero(spanledger_field('http_status', fields, texts)) AS http_status,
                    spanledger_field('error_type', fields, texts) AS own_error_type,
                    if(status_code = 2 OR own_error_type != '' OR http_status >= 400, 'error', 'ok') AS status,
                    multiIf(
                        status = 'ok', '',
                        own_error_type != '', own_error_type,
                        exception_type != '', exception_type,
                        http_status >= 400, toString(http_status),
                        '_OTHER') AS error_type,
                    http_status >= 400 OR coalesce(toUInt16OrZero(error_type) >= 400, 0) OR spanledger_is_refusal(error_type) AS refused,
                    spanledger_field('finish_reason', fields, texts) AS finish_reasons,
                    if(startsWith(finish_reasons, '['), JSONExtractString(finish_reasons, 1), finish_reasons) AS finish_reason,
                    spanledger_field('response_id', fields, texts) AS response_id,
                    spanledger_field('service_tier', fields, texts) AS service_tier,
                    spanledger_field('server_address', fields, texts) AS server_address,
                    spanledger_field('agent_name', fields, texts) AS agent_name,
                    spanledger_field('request_hash', fields, texts) AS request_hash,
                    spanledger_first_filled(spanledger_field('team', fields, texts), resource_team) AS team,
                    spanledger_first_filled(spanledger_field('feature', fields, texts), resource_feature) AS feature,
                    spanledger_first_filled(spanledger_field('customer', fields, texts), resource_customer) AS customer,
                    spanledger_first_filled(spanledger_field('user_id', fields, texts), resource_user_id) AS user_id,
                    spanledger_first_filled(spanledger_field('session_id', fields, texts), resource_session_id) AS session_id,
                    spanledger_first_filled(spanledger_field('prompt_name', fields, texts), resource_prompt_name) AS prompt_name,
                    spanledger_first_filled(spanledger_field('prompt_version', fields, texts), resource_prompt_version) AS prompt_version
                FROM
                (
                    SELECT
                        project, received_at, digest, segment,
                        resource_attributes, resource_attribute_types, resource_service_name, resource_environment, resource_team, resource_feature, resource_customer,
                        resource_user_id, resource_session_id, resource_prompt_name, resource_prompt_version, resource_tags,
                        scope_name, scope_version, scope_attributes, scope_attribute_types,
                        span.trace_id AS raw_trace_id, span.span_id AS raw_span_id, lower(hex(span.parent_span_id)) AS parent_span_id,
                        span.trace_state AS trace_state, span.flags AS flags, span.name AS name, span.kind AS kind_number,
                        span.start_time_unix_nano AS start_ns, span.end_time_unix_nano AS end_ns,
                        span.status.code AS status_code, span.status.message AS status_message,
                        -- 2. name: each attribute's text, its type, and the field it feeds
                        spanledger_kept(span.attributes) AS kept,
                        spanledger_attribute_map(kept) AS attributes,
                        spanledger_attribute_types(kept) AS attribute_types,
                        arraySort(arrayFilter(pair -> pair.1 > 0 AND pair.2 != '',
                            arrayZip(arrayMap(key -> spanledger_attribute_number(key), mapKeys(attributes)), mapValues(attributes)))) AS numbered,
                        arrayMap(pair -> spanledger_attribute_field(pair.1), numbered) AS fields,
                        arrayMap(pair -> pair.2, numbered) AS texts,
                        mapUpdate(resource_tags, spanledger_tags(attributes)) AS tags,
                        arrayMap(e -> (e.time_unix_nano, e.name, spanledger_attribute_map(spanledger_kept(e.attributes)), spanledger_attribute_types(spanledger_kept(e.attributes)), e.dropped_attributes_count), span.events) AS events,
                        arrayFirst(text -> text != '', arrayMap(e -> e.3['exception.type'], events)) AS exception_type,
                        arrayMap(l -> (lower(hex(l.trace_id)), lower(hex(l.span_id)), l.trace_state, spanledger_attribute_map(spanledger_kept(l.attributes)), spanledger_attribute_types(spanledger_kept(l.attributes)), l.dropped_attributes_count, l.flags), span.links) AS links,
                        (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count) AS dropped_counts
                    FROM
                    (
                        SELECT
                            *, arrayJoin(scope_of_spans.spans) AS span,
                            scope_of_spans.scope.name AS scope_name, scope_of_spans.scope.version AS scope_version,
                            spanledger_attribute_map(spanledger_kept(scope_of_spans.scope.attributes)) AS scope_attributes,
                            spanledger_attribute_types(spanledger_kept(scope_of_spans.scope.attributes)) AS scope_attribute_types
                        FROM
                        (
                            SELECT
                                project, received_at, digest, segment, arrayJoin(resource_spans.scope_spans) AS scope_of_spans,
                                arrayFilter(a -> NOT spanledger_is_delivery_stamp(a.key), spanledger_kept(resource_spans.resource.attributes)) AS resource_kept,
                                spanledger_attribute_map(resource_kept) AS resource_attributes,
                                spanledger_attribute_types(resource_kept) AS resource_attribute_types,
                                arraySort(arrayFilter(pair -> pair.1 > 0 AND pair.2 != '',
                                    arrayZip(arrayMap(key -> spanledger_attribute_number(key), mapKeys(resource_attributes)), mapValues(resource_attributes)))) AS numbered,
                                arrayMap(pair -> spanledger_attribute_field(pair.1), numbered) AS fields,
                                arrayMap(pair -> pair.2, numbered) AS texts,
                                spanledger_field('service_name', fields, texts) AS resource_service_name,
                                spanledger_field('environment', fields, texts) AS resource_environment,
                                spanledger_field('team', fields, texts) AS resource_team,
                                spanledger_field('feature', fields, texts) AS resource_feature,
                                spanledger_field('customer', fields, texts) AS resource_customer,
                                spanledger_field('user_id', fields, texts) AS resource_user_id,
                                spanledger_field('session_id', fields, texts) AS resource_session_id,
                                spanledger_field('prompt_name', fields, texts) AS resource_prompt_name,
                                spanledger_field('prompt_version', fields, texts) AS resource_prompt_version,
                                spanledger_tags(resource_attributes) AS resource_tags
                            FROM
                            (
                                -- 1. flatten: requests to resources to scopes to spans
                                SELECT project, received_at, digest, segment, arrayJoin(request.resource_spans) AS resource_spans
                                FROM spanledger.otlp_traces
                            )
                        )
                    )
                )
            )
        )
    )
)
