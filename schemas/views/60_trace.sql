-- What belongs to this trace? Its spans, oldest first. The hash is what the index `by_trace` knows; it is looked up for all parts before
-- the first is read. Tags and raw usage are made of attributes that were read already (as in tables/010 and 011): by their own
-- columns' expressions the attributes would be read, and analysed, once for each.
-- Costs as the ledger has them, corrections and all.
CREATE OR REPLACE VIEW spanledger.trace AS
SELECT * EXCEPT (copy, corrected, net_calls, net_cost_usd, net_cost_status)
    REPLACE (@cost_of_span AS cost_usd, @cost_status_of_span AS cost_status, @bills AS billing_owner),
    spanledger_tags(mapUpdate(resource_attributes, attributes)) AS tags,
    mapFilter((key, text) -> key LIKE '%.usage.%', attributes) AS usage_raw
FROM
(
    SELECT *, reported_cost_usd, attributes, attribute_types, resource_attributes, scope_attributes, @copy
    FROM spanledger.spans
    WHERE cityHash64(trace_id) = cityHash64({trace_id:String}) AND trace_id = {trace_id:String}
      AND (empty({project:String}) OR project = {project:String})
) AS posted
LEFT JOIN (@net_of_trace) AS net USING (project, span_id)
ORDER BY timestamp, span_id
SETTINGS use_skip_indexes_on_data_read = 0
