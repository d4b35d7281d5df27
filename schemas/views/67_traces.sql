-- What did these traces cost, how long did they take, how did they end? A row a trace, of `hashes` (`trace_page`) or of `trace_ids`.
-- All spans count that began from an hour before `from` to an hour after `to`, as in `trace_page`. name: of the root, or of the oldest span where no root was sent.
-- Money as the ledger has it, corrections and all; NULL where no call's cost is known. Tokens NULL where none were reported. Calls are
-- the spans that own a bill.
CREATE OR REPLACE VIEW spanledger.traces AS
SELECT
    project, trace_id, hash, name, service, environment, status, timestamp, duration_ns, spans, @net_calls, errors, error_types,
    @net_sums,
    truncated, models, providers, user_id, session_id, team, feature, customer, prompts
FROM
(
    SELECT
        project, trace_id, cityHash64(trace_id) AS hash,
        argMin(spans.name::String, (parent_span_id != '', spans.timestamp)) AS name,
        argMin(service_name::String, (parent_span_id != '', spans.timestamp)) AS service,
        argMin(spans.environment::String, (parent_span_id != '', spans.timestamp)) AS environment,
        argMin(spans.status::String, (parent_span_id != '', spans.timestamp)) AS status,
        min(spans.timestamp) AS timestamp,
        toUInt64(max(toUnixTimestamp64Nano(spans.timestamp) + toInt64(spans.duration_ns)) - min(toUnixTimestamp64Nano(spans.timestamp))) AS duration_ns,
        count() AS spans, countIf(billing_owner) AS posted_calls, countIf(spans.status = 'error') AS errors,
        arraySort(groupUniqArrayIf(error_type::String, spans.status = 'error')) AS error_types,
        @posted_sums,
        countIf(finish_reason = 'length') AS truncated,
        arraySort(groupUniqArrayIf(model::String, model != '')) AS models, arraySort(groupUniqArrayIf(provider::String, provider != '')) AS providers,
        max(spans.user_id) AS user_id, max(spans.session_id) AS session_id, max(spans.team::String) AS team, max(spans.feature::String) AS feature, max(spans.customer::String) AS customer,
        arraySort(groupUniqArrayIf(concat(prompt_name, if(prompt_version = '', '', ' '), prompt_version), prompt_name != '')) AS prompts
    FROM spanledger.spans AS spans
    WHERE cityHash64(trace_id) IN (arrayConcat({hashes:Array(UInt64)}, arrayMap(id -> cityHash64(id), {trace_ids:Array(String)})))
      AND spans.timestamp >= {from:DateTime('UTC')} - INTERVAL 1 HOUR AND spans.timestamp < {to:DateTime('UTC')} + INTERVAL 1 HOUR
      AND received_at >= {from:DateTime('UTC')} - INTERVAL 1 HOUR - INTERVAL @future_hours HOUR
      AND (empty({project:String}) OR project = {project:String})
    GROUP BY project, trace_id
) AS posted
LEFT JOIN
(
    SELECT project, trace_id, @corrections_around
      AND cityHash64(trace_id) IN (arrayConcat({hashes:Array(UInt64)}, arrayMap(id -> cityHash64(id), {trace_ids:Array(String)})))
    GROUP BY project, trace_id
) AS corrected USING (project, trace_id)
ORDER BY indexOf({hashes:Array(UInt64)}, hash), indexOf({trace_ids:Array(String)}, trace_id), project
SETTINGS use_skip_indexes_on_data_read = 0
