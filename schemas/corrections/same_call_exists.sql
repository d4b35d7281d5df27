-- Did two instrumentation scopes report an answer of the same id, one of them in `segments`? The cheap question before
-- `same_call.sql`, with its parameters.
WITH touched AS
(
    SELECT cityHash64(project, provider, response_id)
    FROM spanledger.spans
    WHERE segment IN {segments:Array(UInt64)} AND has(@billable_operations, operation) AND response_id != ''
      AND timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
)
SELECT 1
FROM spanledger.spans
WHERE timestamp >= toDateTime64({since:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({until:UInt32}, 9, 'UTC')
  AND has(@billable_operations, operation) AND response_id != '' AND cityHash64(project, provider, response_id) IN touched
GROUP BY cityHash64(project, provider, response_id)
HAVING min(scope_name) != max(scope_name)
LIMIT 1
