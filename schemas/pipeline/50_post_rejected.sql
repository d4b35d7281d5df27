CREATE MATERIALIZED VIEW spanledger.post_rejected TO spanledger.rejected AS
SELECT
    project, fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS received_at, reason, trace_id, span_id, described.parent_span_id AS parent_span_id,
    start_ns AS start_time_unix_nano, end_ns AS end_time_unix_nano, described.name AS name, described.kind AS kind,
    described.status_code AS status_code, described.status_message AS status_message,
    described.service_name AS service_name, described.scope_name AS scope_name, described.scope_version AS scope_version,
    described.attributes AS attributes, described.attribute_types AS attribute_types, described.resource_attributes AS resource_attributes,
    described.events AS events, digest, segment
FROM spanledger.spans_in
WHERE reason != ''
