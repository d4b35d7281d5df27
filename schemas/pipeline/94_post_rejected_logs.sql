CREATE MATERIALIZED VIEW spanledger.post_rejected_logs TO spanledger.rejected AS
SELECT
    'logs' AS signal, origin.project AS project, fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, refusal AS reason,
    event.trace_id AS trace_id, event.span_id AS span_id, event.time_ns AS start_time_unix_nano, event.name AS name,
    resource.service_name AS service_name, resource.scope_name AS scope_name, resource.scope_version AS scope_version,
    CAST(event.attributes AS Map(LowCardinality(String), String)) AS attribute_values, resource.text AS resource,
    origin.digest AS digest, origin.segment AS segment
FROM spanledger.logs_in
WHERE refusal != ''
