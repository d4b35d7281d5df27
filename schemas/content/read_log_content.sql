-- From log records to their content. The body of an event is an attribute of it here (structured.py): of a message by the event's name.
CREATE MATERIALIZED VIEW spanledger.read_log_content TO spanledger.content_read AS
WITH
records AS
(
    SELECT origin, arrayJoin(arrayFlatten(resource_logs.scope_logs.log_records)) AS record
    FROM spanledger.otlp_logs
),
said AS
(
    SELECT *, if(record.event_name = '', spanledger_first_text(record.attributes, ['event.name']), record.event_name) AS name,
        if(record.time_unix_nano = 0, record.observed_time_unix_nano, record.time_unix_nano) AS time_ns,
        arrayMap(a -> (if(a.key = 'gen_ai.event.content' AND has(@content_sources, name), name, a.key), a.value), record.attributes) AS attributes
    FROM records
    WHERE length(record.trace_id) IN (0, 16) AND length(record.span_id) IN (0, 8)
),
numbered AS
(
    SELECT *, arrayFilter(a -> a.1 != 0 AND a.3 NOT IN ('', '\n\0'), arrayMap(a -> (@number, a.1, a.2), attributes)) AS found
    FROM said
    WHERE spanledger_signal_time_refusal(time_ns, origin.received_at) = ''
)
SELECT origin, fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    if(record.trace_id = repeat('\0', 16), '', lower(hex(record.trace_id))) AS trace_id, if(record.span_id = repeat('\0', 8), '', lower(hex(record.span_id))) AS span_id,
    arrayJoin(arrayDistinct(found.1)) + @of_event AS number,
    arrayMap(a -> (a.2, spanledger_attribute_text(a.3)), arrayFilter(a -> a.1 + @of_event = number, found)) AS pairs,
    ('', '') AS tool
FROM numbered
