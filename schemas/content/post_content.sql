-- From parts to messages: each part in the words of OpenTelemetry's message schema, its text redacted.
CREATE MATERIALIZED VIEW spanledger.post_content TO spanledger.span_content AS
WITH
opened AS
(
    SELECT *, toString(JSONType(part)) = 'String' AS is_text,
        lower(JSONExtractString(if(is_text, '{}', part), 'type')) AS word,
        arrayFirst(text -> text != '', arrayPushBack(arrayMap(name -> JSONExtractString(if(is_text, '{}', part), name), @part_members), JSONExtractString(if(is_text, '{}', part), 'function', 'arguments'))) AS value,
        arrayFirst(text -> text != '', arrayMap(name -> JSONExtractString(if(is_text, '{}', part), name), @part_ids)) AS id,
        arrayFirst(text -> text != '', arrayPushBack(arrayMap(name -> JSONExtractString(if(is_text, '{}', part), name), @part_names), JSONExtractString(if(is_text, '{}', part), 'function', 'name'))) AS name,
        multiIf(
            has(@part_words, word), transform(word, @part_words, @part_types, ''),
            role = 'tool', 'tool_call_response',
            name != '' AND (JSONHas(part, 'arguments') OR JSONHas(part, 'input') OR JSONHas(part, 'args') OR JSONHas(part, 'function')), 'tool_call',
            'text') AS type,
        multiIf(is_text, JSONExtractString(part), value != '', value, has(@part_words, word) AND type IN ('text', 'tool_call'), '', part) AS content
    FROM spanledger.content_parts
),
said AS
(
    SELECT origin, timestamp, trace_id, span_id, number, message, max(transform(lower(content_role), @role_words, @roles_of_words, content_role)) AS role,
        arrayMap(p -> p.2, arraySort(p -> p.1, groupArrayIf((place, (type, spanledger_redact(content), id, name)), part != '' AND (type != 'text' OR content != '')))) AS parts
    FROM (SELECT *, opened.role AS content_role FROM opened)
    GROUP BY origin, timestamp, trace_id, span_id, number, message
)
SELECT origin.project AS project, timestamp, trace_id, span_id, transform(bitShiftRight(number, 8), @directions, @names_of_directions, '') AS direction,
    toUInt8(bitAnd(number, 255)) AS preference,
    arrayMap(m -> m.2, arraySort(m -> m.1, groupArray((message, (
        multiIf(role = 'tools', 'tools', role IN ('system', 'developer'), 'system', transform(bitShiftRight(number, 8), @directions, @kinds_of_directions, 'input')),
        multiIf(role = 'tools', '', role = '', transform(bitShiftRight(number, 8), @directions, @roles_of_directions, ''), role), arrayDistinct(parts)))))) AS messages,
    fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS received_at, origin.segment AS segment
FROM said
WHERE notEmpty(parts)
GROUP BY origin, timestamp, trace_id, span_id, number
