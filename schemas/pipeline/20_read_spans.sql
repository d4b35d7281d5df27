-- From OTLP's types to the tables'. Of the attributes, content and delivery stamps are left behind (D12, D13) and those that
-- feed a field are told from the others; events and links stay as they came, less their content. JSON documents are opened, and
-- what they say of a field stands beside the attributes (short, and only where a span has one: most have none).
CREATE MATERIALIZED VIEW spanledger.read_spans TO spanledger.spans_read AS
WITH numbered AS
(
    SELECT origin, resource, inherited, otlp, @span_numbers(otlp.attributes) AS numbers
    FROM spanledger.otlp_spans
),
opened AS
(
    SELECT *, arrayConcat(
        arrayFlatten(arrayMap(a -> spanledger_json_attributes(a.key, spanledger_any_string(a.value)), arrayFilter(
            (a, number) -> number IN (@document, @document_left_behind) AND startsWith(a.value, '\n') AND length(a.value) < 65536, otlp.attributes, numbers))),
        arrayFlatten(arrayMap(e -> arrayMap(a -> (concat(e.name, '→', a.key), a.value), e.attributes), arrayFilter(e -> has(@telling_events, e.name), otlp.events)))) AS in_json
    FROM numbered
)
SELECT origin, resource,
    (
        lower(hex(otlp.trace_id)), lower(hex(otlp.span_id)), lower(hex(otlp.parent_span_id)), otlp.trace_state, otlp.flags, otlp.name,
        transform(otlp.kind, [0, 1, 2, 3, 4, 5], ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'], ''),
        otlp.start_time_unix_nano, otlp.end_time_unix_nano, otlp.status.code, otlp.status.message,
        arrayMap(e -> (e.time_unix_nano, e.name, spanledger_attributes_kept(e.attributes), e.dropped_attributes_count), otlp.events),
        arrayMap(l -> (lower(hex(l.trace_id)), lower(hex(l.span_id)), l.trace_state, spanledger_attributes_kept(l.attributes), l.dropped_attributes_count, l.flags), otlp.links),
        (otlp.dropped_attributes_count, otlp.dropped_events_count, otlp.dropped_links_count)
    ) AS span,
    arrayConcat(spanledger_attributes_numbered(arrayConcat(otlp.attributes, in_json), arrayConcat(numbers, arrayMap(a -> @path_number(a.1), in_json))), inherited) AS named,
    arrayFilter((a, number) -> (number IN (0, @document) AND NOT match(if(endsWith(a.key, 'parameters'), a.value, ''), @content_members)) OR (number < @document AND a.value IN ('', '\n\0')), otlp.attributes, numbers) AS unnamed,
    -- What no table should take is refused, alone and with its reason.
    multiIf(
        length(otlp.trace_id) != 16 OR otlp.trace_id = repeat('\0', 16), 'invalid_trace_id',
        length(otlp.span_id) != 8 OR otlp.span_id = repeat('\0', 8), 'invalid_span_id',
        length(otlp.parent_span_id) NOT IN (0, 8), 'invalid_parent_span_id',
        otlp.start_time_unix_nano = 0, 'missing_start_time',
        otlp.start_time_unix_nano < origin.received_at - @limit_old_ns, 'start_time_too_old',
        otlp.start_time_unix_nano > origin.received_at + @limit_future_ns, 'start_time_in_future',
        otlp.end_time_unix_nano < otlp.start_time_unix_nano, 'end_before_start',
        otlp.end_time_unix_nano > origin.received_at + @limit_future_ns, 'end_time_in_future',
        '') AS refusal,
    spanledger_any_string(arrayFirst(value -> value NOT IN ('', '\n\0'), arrayMap(e -> e.attributes.value[indexOf(e.attributes.key, 'exception.type')], otlp.events))) AS exception_type,
    spanledger_any_string(arrayFirst(value -> value NOT IN ('', '\n\0'), arrayMap(e -> e.attributes.value[indexOf(e.attributes.key, 'exception.message')], otlp.events))) AS exception_message,
    arrayFirst(e -> has(@first_token_events, e.name), otlp.events).time_unix_nano AS first_token_at
FROM opened
