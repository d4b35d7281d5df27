-- Which events belong to this trace, oldest first? `span_id` says which span; without content (`trace_content` has that).
CREATE OR REPLACE VIEW spanledger.trace_events AS
SELECT *, attributes, attribute_types, body, resource_attributes, scope_attributes
FROM spanledger.gen_ai_events
WHERE trace_id = {trace_id:String} AND (empty({project:String}) OR project = {project:String})
ORDER BY timestamp, span_id
