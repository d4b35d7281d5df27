-- Is there a trace that `segments` have a span of, with a call that has a span below it, and which no single segment showed as a
-- whole? The cheap question before `billed_by_child.sql`, with its parameters: by hashes, one short plan.
WITH touched AS
(
    SELECT cityHash64(trace_id)
    FROM spanledger.spans
    WHERE segment IN {segments:Array(UInt64)} AND (has(@billable_operations, operation) OR parent_span_id != '')
      AND timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
)
SELECT 1
FROM spanledger.spans
WHERE timestamp >= toDateTime64({since:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({until:UInt32}, 9, 'UTC')
  AND cityHash64(trace_id) IN touched
GROUP BY cityHash64(project, trace_id)
HAVING countIf(has(@billable_operations, operation)) > 1 AND (min(segment) != max(segment) OR count() > @limit_spans_a_trace)
   AND notEmpty(arrayIntersect(groupArrayIf(cityHash64(span_id), has(@billable_operations, operation)), groupArray(cityHash64(parent_span_id))))
LIMIT 1
