-- What belongs to this trace? Its spans, oldest first. The hash is what the index `by_trace` knows; it is looked up for all parts before
-- the first is read. Tags and raw usage are made of attributes that were read already (as in tables/010 and 011): by their own
-- columns' expressions the attributes would be read, and analysed, once for each.
CREATE OR REPLACE VIEW spanledger.trace AS
SELECT *,
    spanledger_tags(mapUpdate(resource_attributes, attributes)) AS tags,
    mapFilter((key, text) -> key LIKE '%.usage.%', attributes) AS usage_raw
FROM
(
    SELECT *, reported_cost_usd, attributes, attribute_types, resource_attributes, scope_attributes
    FROM spanledger.spans
    WHERE cityHash64(trace_id) = cityHash64({trace_id:String}) AND trace_id = {trace_id:String}
      AND (empty({project:String}) OR project = {project:String})
)
ORDER BY timestamp, span_id
SETTINGS use_skip_indexes_on_data_read = 0
