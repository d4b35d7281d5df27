-- From resources to log records. A GenAI event is one that is named so, or says something in GenAI's names. Of its body, the members
-- that are no content are kept; as OTLP has it, ids that are all zeros are none.
CREATE MATERIALIZED VIEW spanledger.read_logs TO spanledger.logs_in AS
WITH
scopes AS
(
    SELECT origin, resource_logs.resource.attributes AS of_resource, arrayJoin(resource_logs.scope_logs) AS scope_logs
    FROM spanledger.otlp_logs
),
records AS
(
    SELECT origin,
        (
            toString(CAST((spanledger_attributes_kept(of_resource), spanledger_attributes_kept(scope_logs.scope.attributes)) AS @ResourceText)),
            scope_logs.scope.name, scope_logs.scope.version,
            spanledger_first_text(of_resource, @sources(service_name)), spanledger_first_text(of_resource, @sources(environment))
        ) AS resource,
        arrayJoin(scope_logs.log_records) AS record
    FROM scopes
),
named AS
(
    SELECT *, if(record.event_name = '', spanledger_first_text(record.attributes, ['event.name']), record.event_name) AS name,
        startsWith(name, @signal_prefix) OR arrayExists(a -> startsWith(a.key, @signal_prefix), record.attributes) AS of_gen_ai,
        if(record.time_unix_nano = 0, record.observed_time_unix_nano, record.time_unix_nano) AS time_ns,
        multiIf(
            NOT of_gen_ai, '',
            length(record.trace_id) NOT IN (0, 16), 'invalid_trace_id',
            length(record.span_id) NOT IN (0, 8), 'invalid_span_id',
            spanledger_signal_time_refusal(time_ns, origin.received_at)) AS refusal
    FROM records
)
SELECT origin, resource,
    (
        if(record.trace_id = repeat('\0', 16), '', lower(hex(record.trace_id))), if(record.span_id = repeat('\0', 8), '', lower(hex(record.span_id))),
        record.flags, name, time_ns, record.severity_number,
        if(record.severity_text != '', record.severity_text, ['', 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'][intDiv(least(record.severity_number, 24) + 3, 4) + 1]),
        spanledger_attributes_kept(record.attributes), arrayFilter(a -> has(@body_members, a.key), record.body.kvlist_value.values),
        record.dropped_attributes_count
    ) AS event,
    of_gen_ai, refusal, fromUnixTimestamp64Nano(if(refusal = '' AND of_gen_ai, toInt64(time_ns), toInt64(0)), 'UTC') AS timestamp
FROM named
