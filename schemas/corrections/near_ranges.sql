-- When did the spans of these segments begin that may be, or lie between, spans of one call? Ranges of Unix seconds, the end exclusive,
-- of about `calls` such spans each; and the range in which the other spans of their calls are looked for: while a call ran, and
-- 15 minutes on both sides.
SELECT toUInt32(min(second)), toUInt32(max(second)) + 1, toUInt32(min(second)) - 900, toUInt32(max(end)) + 900
FROM
(
    SELECT second, end, intDiv(sum(spans) OVER (ORDER BY second ROWS UNBOUNDED PRECEDING), {calls:UInt64}) AS part
    FROM
    (
        SELECT toDateTime(timestamp, 'UTC') AS second, count() AS spans,
            max(timestamp + toIntervalNanosecond(if(has(@billable_operations, operation), duration_ns, 0))) AS last, toUnixTimestamp(last) + 1 AS end
        FROM spanledger.spans
        WHERE segment IN {segments:Array(UInt64)} AND (has(@billable_operations, operation) OR parent_span_id != '')
        GROUP BY second
    )
)
GROUP BY part
ORDER BY part
