-- What did these sessions cost, how many turns had they, whose were they? A row a session of `session_ids` (`session_page`), the one that was
-- active last first, of its spans in the range; turns are its traces. duration_ns: from the beginning of the first span to the end of
-- the one that ended last. Money and tokens as in `traces`.
CREATE OR REPLACE VIEW spanledger.sessions AS
SELECT
    project, session_id, first_at, last_at, duration_ns, turns, @net_calls, errors,
    @net_sums,
    users, services, models
FROM
(
    SELECT
        project, session_id, min(spans.timestamp) AS first_at, max(spans.timestamp) AS last_at,
        toUInt64(max(toUnixTimestamp64Nano(spans.timestamp) + toInt64(spans.duration_ns)) - min(toUnixTimestamp64Nano(spans.timestamp))) AS duration_ns,
        uniqExact(trace_id) AS turns, countIf(billing_owner) AS posted_calls, countIf(status = 'error') AS errors,
        @posted_sums,
        arraySort(groupUniqArrayIf(user_id, user_id != '')) AS users,
        arraySort(groupUniqArrayIf(service_name::String, service_name != '')) AS services,
        arraySort(groupUniqArrayIf(model::String, model != '')) AS models
    FROM spanledger.spans AS spans
    WHERE session_id IN {session_ids:Array(String)} AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
      AND received_at >= {from:DateTime('UTC')} - INTERVAL @future_hours HOUR
      AND (empty({project:String}) OR project = {project:String})
    GROUP BY project, session_id
) AS posted
LEFT JOIN
(
    SELECT project, session_id, @corrections_within
      AND session_id IN {session_ids:Array(String)}
    GROUP BY project, session_id
) AS corrected USING (project, session_id)
ORDER BY last_at DESC, session_id DESC
SETTINGS use_skip_indexes_on_data_read = 0
