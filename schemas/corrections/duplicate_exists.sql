-- Does a call that `segments` have a posting of stand charged more than once? The cheap question before `duplicate.sql`, with its
-- parameters, which nearly always settles it: by hashes of the span's id alone, one short plan.
WITH touched AS
(
    SELECT cityHash64(span_id)
    FROM spanledger.ledger
    WHERE segment IN {segments:Array(UInt64)}
      AND timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
      AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC')) AND hour < toDateTime({to:UInt32}, 'UTC')
)
SELECT 1
FROM spanledger.ledger
WHERE timestamp >= toDateTime64({from:UInt32} - 1, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32} + 1, 9, 'UTC')
  AND hour >= toStartOfHour(toDateTime({from:UInt32}, 'UTC') - 1) AND hour < toDateTime({to:UInt32}, 'UTC') + 1
  AND cityHash64(span_id) IN touched
GROUP BY cityHash64(project, span_id)
HAVING sum(calls) > 1
LIMIT 1
