-- In which hours are calls unpriced, with usage, whose model has a price now? And how many: the rollup by hour knows.
SELECT toUnixTimestamp(hour), sum(unpriced)
FROM
(
    SELECT hour, provider, model, sum(calls) AS unpriced
    FROM spanledger.ledger
    WHERE cost_status = 'unpriced'
    GROUP BY hour, provider, model
    HAVING unpriced > 0 AND isNotNull(sum(input_uncached))
)
WHERE dictHas('spanledger.price_book', (provider, model, ''), hour) OR dictHas('spanledger.price_book', (provider, model, ''), hour + 3599)
GROUP BY hour
ORDER BY hour
