-- In which traces that `segments` have a span of may a call stand charged for two spans, one above the other? Those with a call that
-- has a span below it, and that no single segment showed as a whole. By hash, and when their spans began, in Unix seconds, the end
-- exclusive. Nearly always none: so first by counts alone.
WITH
touched AS
(
    SELECT cityHash64(trace_id)
    FROM spanledger.spans
    WHERE segment IN {segments:Array(UInt64)} AND (has(@billable_operations, operation) OR parent_span_id != '')
      AND timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
),
apart AS
(
    SELECT cityHash64(trace_id) AS trace
    FROM spanledger.spans
    WHERE timestamp >= toDateTime64({since:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({until:UInt32}, 9, 'UTC')
      AND trace IN touched
    GROUP BY trace
    HAVING countIf(has(@billable_operations, operation)) > 1 AND (min(segment) != max(segment) OR count() > @limit_spans_a_trace)
)
SELECT cityHash64(trace_id) AS trace, toUnixTimestamp(min(timestamp)), toUnixTimestamp(max(timestamp)) + 1
FROM spanledger.spans
WHERE timestamp >= toDateTime64({since:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({until:UInt32}, 9, 'UTC')
  AND trace IN apart
GROUP BY trace
HAVING notEmpty(arrayIntersect(groupArrayIf(cityHash64(span_id), has(@billable_operations, operation)), groupArray(cityHash64(parent_span_id))))
ORDER BY 2
LIMIT {limit:UInt64}
