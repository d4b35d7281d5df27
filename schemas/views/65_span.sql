-- What is known of one span? All that was kept of it, its events and links with their attributes as text.
CREATE OR REPLACE VIEW spanledger.span AS
SELECT
    * EXCEPT (events, links, attribute_values, column_attributes, resource),
    reported_cost_usd, attributes, resource_attributes, scope_attributes, tags, usage_raw,
    arrayMap(event -> (fromUnixTimestamp64Nano(toInt64(event.time_unix_nano), 'UTC'), event.name,
        CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), event.attributes) AS Map(String, String)))
        ::Tuple(timestamp DateTime64(9, 'UTC'), name String, attributes Map(String, String)), events) AS events_read,
    arrayMap(link -> (link.trace_id, link.span_id,
        CAST(arrayMap(a -> (a.key, spanledger_attribute_text(a.value)), link.attributes) AS Map(String, String)))
        ::Tuple(trace_id String, span_id String, attributes Map(String, String)), links) AS links_read
FROM spanledger.spans
WHERE cityHash64(trace_id) = cityHash64({trace_id:String}) AND trace_id = {trace_id:String} AND span_id = {span_id:String}
  AND (empty({project:String}) OR project = {project:String})
ORDER BY timestamp
LIMIT 1
SETTINGS use_skip_indexes_on_data_read = 0
