CREATE MATERIALIZED VIEW spanledger.post_rejected TO spanledger.rejected AS
SELECT
    project, fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS received_at, reason,
    trace_id, span_id, parent_span_id, start_ns AS start_time_unix_nano, end_ns AS end_time_unix_nano, name, kind, status_code, status_message,
    service_name, scope_name, scope_version, attributes, attribute_types, resource_attributes, events, digest, segment
FROM spanledger.spans_in
WHERE reason != ''
