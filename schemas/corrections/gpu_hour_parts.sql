-- When did the calls of a rule begin that share an hour? Ranges of Unix seconds, the end exclusive, of about `calls` such calls
-- each, and the weight of those before each. What the parameters are: gpu_hour.sql.
SELECT toUInt32(min(second)), toUInt32(max(second)) + 1, toString(min(upto - weight))
FROM
(
    SELECT second, weight, sum(weight) OVER seconds AS upto, intDiv(sum(n) OVER seconds, {calls:UInt64}) AS part
    FROM
    (
        SELECT toDateTime(timestamp, 'UTC') AS second, sum(calls) AS n,
            sum(multiIf({shared_by:String} = 'tokens', toInt256(ifNull(tokens, 0)), {shared_by:String} = 'time', toInt256(calls) * duration_ns, toInt256(calls))) AS weight
        FROM spanledger.ledger
        WHERE timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
          AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
          AND kind != 'adjustment' AND cost_status != 'free' AND (NOT {with_tokens:Bool} OR isNotNull(input_uncached))
          AND if(price_id = '' AND cost_status = 'unpriced',
            dictGetOrDefault('spanledger.price_book', 'price_id', (provider, model, ''), toDateTime(timestamp, 'UTC'), ''), price_id) = {rule:String}
        GROUP BY second
        HAVING n > 0
    )
    WINDOW seconds AS (ORDER BY second ROWS UNBOUNDED PRECEDING)
)
GROUP BY part
ORDER BY part
