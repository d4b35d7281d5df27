CREATE MATERIALIZED VIEW spanledger.post_metrics TO spanledger.gen_ai_metrics AS
SELECT
    origin.project AS project, timestamp, fromUnixTimestamp64Nano(toInt64(point.start_ns), 'UTC') AS start_time, name, unit,
    point.type AS type, transform(point.temporality, [1, 2], ['delta', 'cumulative'], 'unspecified') AS temporality, point.monotonic AS monotonic,
    resource.service_name AS service_name, resource.environment AS environment,
    resource.scope_name AS scope_name, resource.scope_version AS scope_version,
    CAST(point.attributes AS Map(LowCardinality(String), String)) AS attribute_values,
    point.value AS value, point.count AS count, point.sum AS sum, point.min AS min, point.max AS max,
    point.bounds AS bounds, point.bucket_counts AS bucket_counts, point.exponential AS exponential, point.quantiles AS quantiles,
    point.flags AS flags, resource.text AS resource,
    fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, origin.segment AS segment
FROM spanledger.metrics_in
WHERE of_gen_ai AND refusal = ''
