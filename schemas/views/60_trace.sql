-- What belongs to this trace? Its spans, oldest first. The hash is what the index `by_trace` knows; it is looked up for all parts before
-- the first is read.
CREATE OR REPLACE VIEW spanledger.trace AS
SELECT *, reported_cost_usd, attributes, attribute_types, resource_attributes, scope_attributes, tags, usage_raw
FROM spanledger.spans
WHERE cityHash64(trace_id) = cityHash64({trace_id:String}) AND trace_id = {trace_id:String}
  AND (empty({project:String}) OR project = {project:String})
ORDER BY timestamp, span_id
SETTINGS use_skip_indexes_on_data_read = 0
