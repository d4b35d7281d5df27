CREATE MATERIALIZED VIEW spanledger.post_metrics_not_kept TO spanledger.not_kept AS
SELECT
    origin.project AS project, fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, 'metrics' AS signal,
    resource.service_name AS service_name, resource.scope_name AS name, count() AS items,
    origin.digest AS digest, origin.segment AS segment
FROM spanledger.metrics_in
WHERE NOT of_gen_ai
GROUP BY project, received_at, service_name, resource.scope_name, digest, segment
