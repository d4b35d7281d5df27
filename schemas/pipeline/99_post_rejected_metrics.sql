CREATE MATERIALIZED VIEW spanledger.post_rejected_metrics TO spanledger.rejected AS
SELECT
    'metrics' AS signal, origin.project AS project, fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, refusal AS reason,
    point.time_ns AS start_time_unix_nano, name,
    resource.service_name AS service_name, resource.scope_name AS scope_name, resource.scope_version AS scope_version,
    CAST(point.attributes AS Map(LowCardinality(String), String)) AS attribute_values, resource.text AS resource,
    origin.digest AS digest, origin.segment AS segment
FROM spanledger.metrics_in
WHERE refusal != ''
