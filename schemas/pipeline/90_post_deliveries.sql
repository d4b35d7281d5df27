-- Counted from the request itself, not from what became of it: accepted = stored + rejected (+ not kept) can be checked.
CREATE MATERIALIZED VIEW spanledger.post_deliveries TO spanledger.deliveries AS
SELECT
    project, fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS received_at, digest, segment,
    length(arrayFlatten(request.resource_spans.scope_spans.spans.kind)) AS spans,
    length(arrayFlatten(logs.resource_logs.scope_logs.log_records.flags)) AS log_records,
    length(arrayFlatten(metrics.resource_metrics.scope_metrics.metrics.gauge.data_points.flags))
        + length(arrayFlatten(metrics.resource_metrics.scope_metrics.metrics.sum.data_points.flags))
        + length(arrayFlatten(metrics.resource_metrics.scope_metrics.metrics.histogram.data_points.flags))
        + length(arrayFlatten(metrics.resource_metrics.scope_metrics.metrics.exponential_histogram.data_points.flags))
        + length(arrayFlatten(metrics.resource_metrics.scope_metrics.metrics.summary.data_points.flags)) AS metric_points,
    arrayMap((said, stamps, kinds) -> (
        spanledger_any_string(said[1]), spanledger_any_string(said[2]),
        toUInt64(greatest(0, stamps[1])), toUInt64(greatest(0, stamps[2])), toUInt32(length(arrayFlatten(kinds))),
        toUInt64(greatest(0, stamps[3])), toUInt64(greatest(0, stamps[4])), toDateTime(least(greatest(0, stamps[5]), 4294967295), 'UTC'), stamps[6] = 1
    ), said, arrayMap(said -> spanledger_any_ints(arraySlice(said, 3, 6)), said), request.resource_spans.scope_spans.spans.kind) AS exports
FROM
(
    SELECT *, arrayMap(attributes -> arrayMap(
        (key, tag) -> arrayFirst(a -> a.key = key AND startsWith(a.value, tag), attributes).value,
        ['service.name', 'spanledger.export.process', 'spanledger.export.sequence', 'spanledger.export.dropped', 'spanledger.export.emitted',
         'spanledger.export.sent', 'spanledger.export.started', 'spanledger.export.final'],
        ['\n', '\n', '\x18', '\x18', '\x18', '\x18', '\x18', '\x18']
    ), request.resource_spans.resource.attributes) AS said
    FROM spanledger.otlp_traces
)
