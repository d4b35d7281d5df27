-- When did the calls begin that were charged without a price, with usage, and whose model has a price now? Ranges of Unix
-- seconds, the end exclusive, of about `calls` such calls each. The rollup by hour knows the hours.
SELECT toUInt32(min(second)), toUInt32(max(second)) + 1
FROM
(
    SELECT second, intDiv(sum(calls) OVER (ORDER BY second ROWS UNBOUNDED PRECEDING), {calls:UInt64}) AS part
    FROM
    (
        SELECT toDateTime(timestamp, 'UTC') AS second, count() AS calls
        FROM spanledger.ledger
        WHERE cost_status = 'unpriced' AND isNotNull(input_uncached) AND hour IN
        (
            SELECT hour
            FROM
            (
                SELECT hour, provider, model
                FROM spanledger.ledger
                WHERE cost_status = 'unpriced'
                GROUP BY hour, provider, model
                HAVING sum(calls) > 0 AND isNotNull(sum(input_uncached))
            )
            WHERE dictHas('spanledger.price_book', (provider, model, ''), hour) OR dictHas('spanledger.price_book', (provider, model, ''), hour + 3599)
        )
        GROUP BY second
    )
)
GROUP BY part
ORDER BY part
