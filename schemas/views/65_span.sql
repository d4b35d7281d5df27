-- What is known of one span? All that was kept of it, its cost as the ledger has it, its events and links with their attributes as text. What is read of the attributes
-- is read of the row inside: an alias of the table would be put in once more wherever another alias names it, which took half a second to plan.
CREATE OR REPLACE VIEW spanledger.span AS
SELECT
    * EXCEPT (events, links, copy, corrected, net_calls, net_cost_usd, net_cost_status)
        REPLACE (@cost_of_span AS cost_usd, @cost_status_of_span AS cost_status, @bills AS billing_owner),
    spanledger_tags(mapUpdate(resource_attributes, attributes)) AS tags, mapFilter((key, text) -> key LIKE '%.usage.%', attributes) AS usage_raw,
    arrayMap(event -> (fromUnixTimestamp64Nano(toInt64(event.time_unix_nano), 'UTC'), event.name,
        CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), event.attributes) AS Map(String, String)))
        ::Tuple(timestamp DateTime64(9, 'UTC'), name String, attributes Map(String, String)), events) AS events_read,
    arrayMap(link -> (link.trace_id, link.span_id,
        CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), link.attributes) AS Map(String, String)))
        ::Tuple(trace_id String, span_id String, attributes Map(String, String)), links) AS links_read
FROM
(
    SELECT * EXCEPT (attribute_values, column_attributes, resource), reported_cost_usd, attributes, resource_attributes, scope_attributes, 1 AS copy
    FROM spanledger.spans
    WHERE cityHash64(trace_id) = cityHash64({trace_id:String}) AND trace_id = {trace_id:String} AND span_id = {span_id:String}
      AND (empty({project:String}) OR project = {project:String})
    ORDER BY received_at, segment
    LIMIT 1
) AS posted
LEFT JOIN (@net_of_trace) AS net USING (project, span_id)
SETTINGS use_skip_indexes_on_data_read = 0
