CREATE MATERIALIZED VIEW spanledger.post_rejected TO spanledger.rejected AS
SELECT
    origin.project AS project, fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, refusal AS reason,
    span.trace_id AS trace_id, span.span_id AS span_id, span.parent_span_id AS parent_span_id,
    span.start_ns AS start_time_unix_nano, span.end_ns AS end_time_unix_nano, span.name AS name, span.kind AS kind,
    span.status_code AS status_code, span.status_message AS status_message, resource.service_name AS service_name,
    resource.scope_name AS scope_name, resource.scope_version AS scope_version,
    named.attribute_values AS attribute_values, resource.text AS resource,
    span.events AS events, span.links AS links, origin.digest AS digest, origin.segment AS segment
FROM spanledger.spans_in
WHERE refusal != ''
