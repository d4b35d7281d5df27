-- The GPU rules that are or were, in all their versions, each with what it says; the newest last.
SELECT price_id, price_version, toUnixTimestamp(min(valid_from)), toUnixTimestamp(max(valid_to)), any(usd_an_hour), any(shared_by)
FROM spanledger.prices
WHERE shared_by != ''
GROUP BY price_id, price_version
ORDER BY price_id, max(recorded_at), price_version
