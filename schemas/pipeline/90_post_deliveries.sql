-- Counted from the request itself, not from what became of it: accepted = stored + rejected can be checked.
CREATE MATERIALIZED VIEW spanledger.post_deliveries TO spanledger.deliveries AS
SELECT
    project, fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS received_at, digest, segment,
    length(arrayFlatten(request.resource_spans.scope_spans.spans.kind)) AS spans,
    arrayMap((keys, texts, numbers, kinds) -> (
        texts[indexOf(keys, 'service.name')],
        texts[indexOf(keys, 'spanledger.export.process')],
        toUInt64(greatest(0, numbers[indexOf(keys, 'spanledger.export.sequence')])),
        toUInt64(greatest(0, numbers[indexOf(keys, 'spanledger.export.dropped')])),
        toUInt32(length(arrayFlatten(kinds)))
    ), request.resource_spans.resource.attributes.key, request.resource_spans.resource.attributes.value.string_value,
        request.resource_spans.resource.attributes.value.int_value, request.resource_spans.scope_spans.spans.kind) AS exports
FROM spanledger.otlp_traces
