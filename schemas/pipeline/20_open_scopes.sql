-- From scopes to spans: attributes read; events and links as they came, less their content.
CREATE MATERIALIZED VIEW spanledger.open_scopes TO spanledger.otlp_spans AS
SELECT origin, resource, resource_fields,
    (
        lower(hex(trace_id)), lower(hex(span_id)), lower(hex(parent_span_id)), trace_state, flags, name,
        ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][kind + 1],
        start_ns, end_ns, status.code, status.message,
        arrayMap(e -> (e.time_unix_nano, e.name, spanledger_attributes_kept(e.attributes), e.dropped_attributes_count), events),
        arrayMap(l -> (lower(hex(l.trace_id)), lower(hex(l.span_id)), l.trace_state, spanledger_attributes_kept(l.attributes), l.dropped_attributes_count, l.flags), links),
        (dropped_attributes, dropped_events, dropped_links)
    ) AS span,
    spanledger_attributes_read(attributes) AS attributes,
    length(parent_span_id) AS parent_length,
    arrayFirst(text -> text != '', arrayMap(e -> e.attributes.value.string_value[indexOf(e.attributes.key, 'exception.type')], events)) AS exception_type
FROM spanledger.otlp_scopes
ARRAY JOIN spans.trace_id AS trace_id, spans.span_id AS span_id, spans.parent_span_id AS parent_span_id, spans.trace_state AS trace_state,
    spans.flags AS flags, spans.name AS name, spans.kind AS kind, spans.start_time_unix_nano AS start_ns, spans.end_time_unix_nano AS end_ns,
    spans.attributes AS attributes, spans.events AS events, spans.links AS links, spans.status AS status,
    spans.dropped_attributes_count AS dropped_attributes, spans.dropped_events_count AS dropped_events, spans.dropped_links_count AS dropped_links
