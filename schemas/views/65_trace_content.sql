-- What was said in this trace? One row a span, the one that began first first, its messages in the order system, tools, input, output; empty where content is not
-- captured. Of sources that say the same, the best: an attribute goes before an event.
CREATE OR REPLACE VIEW spanledger.trace_content AS
SELECT span_id, arrayMap(m -> m.1, arraySort(m -> (indexOf(['system', 'tools', 'input', 'output'], m.1.kind), m.2), arrayFilter(
    m -> m.3 = 1 OR m.1.kind NOT IN ('system', 'tools'), arrayZip(said, arrayEnumerate(said), arrayEnumerateUniq(said))))) AS messages
FROM
(
    SELECT span_id, groupArrayArray(messages) AS said, min(timestamp) AS began
    FROM
    (
        SELECT DISTINCT span_id, timestamp, direction, messages, preference, min(preference) OVER (PARTITION BY span_id, direction) AS best
        FROM spanledger.span_content
        WHERE trace_id = {trace_id:String} AND (empty({project:String}) OR project = {project:String})
        ORDER BY timestamp, direction
    )
    WHERE preference = best
    GROUP BY span_id
)
ORDER BY began, span_id
