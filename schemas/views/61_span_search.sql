-- Which spans are of this user, session or attribute? A page of them, newest arrival first: segments follow each other, so the newest
-- parts are read first, and no further than the page. `skip`: how many spans the pages before had.
-- An empty parameter lets everything pass. `value` of `attribute` is its text; whatever a column holds (the user, a prompt's name) is
-- no longer among `attribute_values`. A span arrives a day before it begins at the earliest, so days before `from` are not looked at.
CREATE OR REPLACE VIEW spanledger.span_search AS
WITH spanledger_text_values({value:String}) AS values
SELECT
    timestamp, project, trace_id, span_id, parent_span_id, name, kind, service_name, environment, operation, provider, model, duration_ns, ttft_ns,
    status, error_type, input_tokens, output_tokens, cost_usd, cost_status, team, feature, customer, user_id, session_id, prompt_name,
    prompt_version, received_at, segment
FROM spanledger.spans
WHERE timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')} AND received_at >= {from:DateTime('UTC')} - INTERVAL @future_hours HOUR
  AND (empty({project:String}) OR project = {project:String})
  AND (empty({user_id:String}) OR user_id = {user_id:String})
  AND (empty({session_id:String}) OR session_id = {session_id:String})
  AND (empty({attribute:String}) OR hasAny(mapValues(attribute_values), values))  -- what the index knows
  AND (empty({attribute:String}) OR has(values, attribute_values[{attribute:String}]))
ORDER BY segment DESC, timestamp DESC, span_id
LIMIT {limit:UInt32} OFFSET {skip:UInt32}
SETTINGS read_in_order_use_buffering = 0  -- with a buffer for each, every part would be read before the newest is
