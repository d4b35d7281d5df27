-- From resources to data points, of whatever type the metric is.
CREATE MATERIALIZED VIEW spanledger.read_metrics TO spanledger.metrics_in AS
WITH
scopes AS
(
    SELECT origin, resource_metrics.resource.attributes AS of_resource, arrayJoin(resource_metrics.scope_metrics) AS scope_metrics
    FROM spanledger.otlp_metrics
),
metrics AS
(
    SELECT origin,
        (
            toString(CAST((spanledger_attributes_kept(of_resource), spanledger_attributes_kept(scope_metrics.scope.attributes)) AS @ResourceText)),
            scope_metrics.scope.name, scope_metrics.scope.version,
            spanledger_first_text(of_resource, @sources(service_name)), spanledger_first_text(of_resource, @sources(environment))
        ) AS resource,
        arrayJoin(scope_metrics.metrics) AS metric, CAST(NULL AS Nullable(Float64)) AS none, CAST(NULL AS Nullable(UInt64)) AS no_count
    FROM scopes
),
points AS
(
    SELECT origin, resource, metric.name AS name, metric.unit AS unit, startsWith(name, @signal_prefix) AS of_gen_ai,
        arrayJoin(CAST(arrayConcat(
            arrayMap(p -> ('gauge', 0, false, p.start_time_unix_nano, p.time_unix_nano, p.attributes, p.flags, coalesce(p.as_double, toFloat64(p.as_int)), no_count, none, none, none, [], [], (0, 0, 0, 0, [], 0, []), []), metric.gauge.data_points),
            arrayMap(p -> ('sum', metric.sum.aggregation_temporality, metric.sum.is_monotonic, p.start_time_unix_nano, p.time_unix_nano, p.attributes, p.flags, coalesce(p.as_double, toFloat64(p.as_int)), no_count, none, none, none, [], [], (0, 0, 0, 0, [], 0, []), []), metric.sum.data_points),
            arrayMap(p -> ('histogram', metric.histogram.aggregation_temporality, false, p.start_time_unix_nano, p.time_unix_nano, p.attributes, p.flags, none, p.count, p.sum, p.min, p.max, p.explicit_bounds, p.bucket_counts, (0, 0, 0, 0, [], 0, []), []), metric.histogram.data_points),
            arrayMap(p -> ('exponential_histogram', metric.exponential_histogram.aggregation_temporality, false, p.start_time_unix_nano, p.time_unix_nano, p.attributes, p.flags, none, p.count, p.sum, p.min, p.max, [], [],
                (p.scale, p.zero_count, p.zero_threshold, p.positive.offset, p.positive.bucket_counts, p.negative.offset, p.negative.bucket_counts), []), metric.exponential_histogram.data_points),
            arrayMap(p -> ('summary', 0, false, p.start_time_unix_nano, p.time_unix_nano, p.attributes, p.flags, none, p.count, p.sum, none, none, [], [], (0, 0, 0, 0, [], 0, []), p.quantile_values), metric.summary.data_points)
        ) AS Array(@Point))) AS point
    FROM metrics
),
judged AS
(
    SELECT *, multiIf(
        NOT of_gen_ai, '',
        notEmpty(point.bucket_counts) AND length(point.bucket_counts) != length(point.bounds) + 1, 'buckets_do_not_match',
        spanledger_signal_time_refusal(point.time_ns, origin.received_at)) AS refusal
    FROM points
)
SELECT origin, resource, name, unit,
    tupleConcat(
        (point.1, point.2, point.3, if(refusal = '' AND point.start_ns <= point.time_ns, point.start_ns, 0), point.5, spanledger_attributes_kept(point.attributes)),
        (point.7, point.8, point.9, point.10, point.11, point.12, point.13, point.14, point.15, point.16)) AS point,
    of_gen_ai, refusal, fromUnixTimestamp64Nano(if(refusal = '' AND of_gen_ai, toInt64(point.time_ns), toInt64(0)), 'UTC') AS timestamp
FROM judged
