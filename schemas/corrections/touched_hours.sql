-- Which hours do these segments have calls in, and how many?
SELECT toUnixTimestamp(hour), count()
FROM spanledger.ledger
WHERE segment IN {segments:Array(UInt64)}
GROUP BY hour
ORDER BY hour
