-- From OTLP's types to the tables': attributes read; events and links as they came, less their content.
CREATE MATERIALIZED VIEW spanledger.read_spans TO spanledger.spans_read AS
SELECT origin, resource, resource_fields,
    (
        lower(hex(otlp.trace_id)), lower(hex(otlp.span_id)), lower(hex(otlp.parent_span_id)), otlp.trace_state, otlp.flags, otlp.name,
        ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][otlp.kind + 1],
        otlp.start_time_unix_nano, otlp.end_time_unix_nano, otlp.status.code, otlp.status.message,
        arrayMap(e -> (e.time_unix_nano, e.name, spanledger_attributes_kept(e.attributes), e.dropped_attributes_count), otlp.events),
        arrayMap(l -> (lower(hex(l.trace_id)), lower(hex(l.span_id)), l.trace_state, spanledger_attributes_kept(l.attributes), l.dropped_attributes_count, l.flags), otlp.links),
        (otlp.dropped_attributes_count, otlp.dropped_events_count, otlp.dropped_links_count)
    ) AS span,
    spanledger_attributes_read(otlp.attributes) AS attributes,
    length(otlp.parent_span_id) AS parent_length,
    arrayFirst(text -> text != '', arrayMap(e -> e.attributes.value.string_value[indexOf(e.attributes.key, 'exception.type')], otlp.events)) AS exception_type
FROM spanledger.otlp_spans
