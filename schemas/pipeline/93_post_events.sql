CREATE MATERIALIZED VIEW spanledger.post_events TO spanledger.gen_ai_events AS
SELECT
    origin.project AS project, timestamp, event.trace_id AS trace_id, event.span_id AS span_id, event.flags AS flags, event.name AS name,
    resource.service_name AS service_name, resource.environment AS environment,
    resource.scope_name AS scope_name, resource.scope_version AS scope_version,
    event.severity_text AS severity, event.severity_number AS severity_number,
    CAST(event.attributes AS Map(LowCardinality(String), String)) AS attribute_values,
    CAST(event.body_values AS Map(LowCardinality(String), String)) AS body_values,
    event.dropped_attributes_count AS dropped_attributes_count, resource.text AS resource,
    fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, origin.segment AS segment
FROM spanledger.logs_in
WHERE of_gen_ai AND refusal = ''
