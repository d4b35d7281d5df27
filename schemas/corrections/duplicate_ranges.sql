-- When did the calls of these segments begin? Ranges of Unix seconds, the end exclusive, of about `calls` such calls each.
SELECT toUInt32(min(second)), toUInt32(max(second)) + 1
FROM
(
    SELECT second, intDiv(sum(calls) OVER (ORDER BY second ROWS UNBOUNDED PRECEDING), {calls:UInt64}) AS part
    FROM
    (
        SELECT toDateTime(timestamp, 'UTC') AS second, count() AS calls
        FROM spanledger.ledger
        WHERE segment IN {segments:Array(UInt64)}
        GROUP BY second
    )
)
GROUP BY part
ORDER BY part
