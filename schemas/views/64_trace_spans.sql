-- How did this trace go? Its spans, oldest first, without what only one span at a time is asked for (`trace` has all of it).
-- Costs as the ledger has them, corrections and all. A span that owns no bill (`billing_owner`) repeats what another one is billed for: no
-- total counts it.
CREATE OR REPLACE VIEW spanledger.trace_spans AS
SELECT
    project, timestamp, trace_id, span_id, parent_span_id, name, kind, service_name, environment, operation, provider, model, duration_ns, ttft_ns,
    status, status_message, error_type, spanledger_error_class(status::String, error_type::String) AS error_class, finish_reason,
    input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, @cost_of_span AS cost_usd, @cost_status_of_span AS cost_status, @bills AS billing_owner,
    agent_name, team, feature, customer, user_id, session_id, prompt_name, prompt_version
FROM
(
    SELECT *, @copy
    FROM spanledger.spans
    WHERE cityHash64(trace_id) = cityHash64({trace_id:String}) AND trace_id = {trace_id:String}
      AND (empty({project:String}) OR project = {project:String})
) AS posted
LEFT JOIN (@net_of_trace) AS net USING (project, span_id)
ORDER BY timestamp, span_id
SETTINGS use_skip_indexes_on_data_read = 0
