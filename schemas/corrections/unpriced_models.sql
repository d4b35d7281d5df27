-- Which models were charged without a price, with usage, and have not been looked up yet? The busiest first.
-- `segments`: where to look; everywhere where it is empty.
SELECT provider, model
FROM spanledger.ledger
WHERE cost_status = 'unpriced' AND (empty({segments:Array(UInt64)}) OR segment IN {segments:Array(UInt64)})
  AND (provider, model) NOT IN (SELECT provider, model FROM spanledger.prices)
GROUP BY provider, model
HAVING sum(calls) > 0 AND isNotNull(sum(input_uncached))
ORDER BY sum(calls) DESC, provider, model
LIMIT {limit:UInt64}
