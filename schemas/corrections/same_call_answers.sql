-- Which answers that `segments` have were reported by two instrumentation scopes? By hash of project, provider and the answer's id,
-- and when their spans began, in Unix seconds, the end exclusive. Not those that so many spans have that they name nothing: a server
-- that gives each answer the same id would have the correction hold all of its calls at once.
WITH
-- Of whose calls more than one scope tells: nearly always nobody's, and then nothing more is read.
(
    SELECT groupArray((project, provider))
    FROM
    (
        SELECT project::String AS project, provider::String AS provider
        FROM spanledger.spans
        WHERE timestamp >= toDateTime64({since:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({until:UInt32}, 9, 'UTC')
          AND has(@billable_operations, operation)
        GROUP BY project, provider
        HAVING min(scope_name) != max(scope_name)
    )
) AS told_by_two,
touched AS
(
    SELECT cityHash64(project, provider, response_id)
    FROM spanledger.spans
    PREWHERE segment IN {segments:Array(UInt64)} AND has(told_by_two, (project::String, provider::String))
    WHERE has(@billable_operations, operation) AND response_id != ''
      AND timestamp >= toDateTime64({from:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({to:UInt32}, 9, 'UTC')
)
SELECT cityHash64(project, provider, response_id) AS answer, toUnixTimestamp(min(timestamp)), toUnixTimestamp(max(timestamp)) + 1
FROM spanledger.spans
PREWHERE has(told_by_two, (project::String, provider::String))
WHERE timestamp >= toDateTime64({since:UInt32}, 9, 'UTC') AND timestamp < toDateTime64({until:UInt32}, 9, 'UTC')
  AND has(@billable_operations, operation) AND response_id != '' AND answer IN touched
GROUP BY answer
HAVING min(scope_name) != max(scope_name) AND count() <= @limit_spans_an_answer
ORDER BY 2
LIMIT {limit:UInt64}
