-- Counted from the request itself, not from what became of it: accepted = stored + rejected can be checked.
CREATE MATERIALIZED VIEW spanledger.post_deliveries TO spanledger.deliveries AS
SELECT
    project, fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS received_at, digest, segment,
    toUInt32(arraySum(exports.5)) AS spans,
    arrayMap(resource_spans -> (
        resource_spans.resource.attributes[indexOf(resource_spans.resource.attributes.key, 'service.name')].value.string_value,
        resource_spans.resource.attributes[indexOf(resource_spans.resource.attributes.key, 'spanledger.export.process')].value.string_value,
        toUInt64(greatest(0, resource_spans.resource.attributes[indexOf(resource_spans.resource.attributes.key, 'spanledger.export.sequence')].value.int_value)),
        toUInt64(greatest(0, resource_spans.resource.attributes[indexOf(resource_spans.resource.attributes.key, 'spanledger.export.dropped')].value.int_value)),
        toUInt32(arraySum(arrayMap(scope_spans -> length(scope_spans.spans), resource_spans.scope_spans)))
    ), request.resource_spans) AS exports
FROM spanledger.otlp_traces
