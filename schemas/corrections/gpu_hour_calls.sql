-- What do the calls stand at that are priced by the hour, in an hour and by a rule? Signed sums, so that what was reversed is gone.
-- `rules` are price ids. Hours that begin at `from` or later, and those that `segments` have a posting in; before `to`, in Unix
-- seconds.
-- takers and weight: of the calls that take part, by tokens or by time. waiting: those of them that were not charged a share yet.
-- An unpriced call that was posted before its model was looked up belongs to the rule that the price book names by now.
SELECT
    toUnixTimestamp(hour) AS hour, rule,
    sumIf(calls, isNotNull(tokens)) AS takers_with_tokens, ifNull(sum(tokens), 0) AS tokens_,
    sum(calls) AS takers, sum(toInt256(calls) * duration_ns) AS time_,
    sumIf(calls, cost_status IN ('unpriced', 'reported') AND isNotNull(tokens)) AS waiting_with_tokens,
    sumIf(calls, cost_status IN ('unpriced', 'reported')) AS waiting,
    ifNull(sumIf(cost_usd, kind != 'adjustment' AND cost_status != 'reported'), 0) AS shared_usd,
    ifNull(sumIf(cost_usd, kind = 'adjustment'), 0) AS idle_usd,
    argMinIf(price_version, posted_at, kind != 'reversal' AND reason IN ('gpu_hour', 'idle_gpu_hours')) AS version
FROM
(
    SELECT *, hour, tokens,
        if(price_id = '' AND cost_status = 'unpriced',
            dictGetOrDefault('spanledger.price_book', 'price_id', (provider, model, ''), toDateTime(timestamp, 'UTC'), ''), price_id) AS rule
    FROM spanledger.ledger
    WHERE cost_status != 'free' AND hour < toDateTime({to:UInt32}, 'UTC')
      AND (price_id IN {rules:Array(String)} OR (price_id = '' AND cost_status = 'unpriced'))
      AND (hour >= toDateTime({from:UInt32}, 'UTC') OR hour IN (SELECT hour FROM spanledger.ledger WHERE segment IN {segments:Array(UInt64)}))
)
WHERE rule IN {rules:Array(String)}
GROUP BY hour, rule
ORDER BY hour, rule
