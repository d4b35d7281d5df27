-- From documents to the parts of messages, by what a document looks like, whoever wrote it: a list of messages or of parts, a request or an
-- answer with messages in it, one message, a text. What looks like none of these is one text.
CREATE MATERIALIZED VIEW spanledger.read_messages TO spanledger.content_parts AS
WITH
documents AS
(
    SELECT *, bitShiftRight(number, 8) AS direction, arrayJoin(arrayEnumerate(pairs)) AS nth, pairs[nth].1 AS key, toValidUTF8(pairs[nth].2) AS text,
        toString(JSONType(text)) AS type, JSONExtractArrayRaw(text) AS elements
    FROM spanledger.content_read
    WHERE NOT match(pairs[1].1, @indexed)
),
recognised AS
(
    SELECT *,
        type != 'Object' OR JSONHas(text, 'role') OR JSONHas(text, 'parts') AS whole,
        length(JSONExtractKeys(text)) = 1 OR JSONHas(text, 'model') OR JSONHas(text, 'system') AS is_request,
        arrayFirst(name -> NOT whole AND arrayExists(e -> JSONHas(e, 'role') OR JSONHas(e, 'message') OR JSONHas(e, 'type') OR JSONHas(e, 'content'), JSONExtractArrayRaw(text, name)), @lists) AS list,
        arrayFirst(name -> NOT whole AND is_request AND toString(JSONType(text, name)) = 'String', @texts) AS member,
        arrayFirst(name -> NOT whole AND (list != '' OR member != '') AND JSONExtractString(text, name) != '', @systems) AS system,
        NOT whole AND (list != '' OR member != '') AND notEmpty(JSONExtractArrayRaw(text, 'tools')) AS has_tools
    FROM documents
),
messages AS
(
    SELECT *, arrayConcat(
        if(system = '', [], [concat('{"role":"system","content":', JSONExtractRaw(text, system), '}')]),
        if(has_tools, [concat('{"role":"tools","content":', toJSONString(JSONExtractRaw(text, 'tools')), '}')], []),
        multiIf(
            text = '', [],
            direction = @tools AND text NOT IN ('null', '{}', '[]'), [toJSONString(text)],
            direction = @other, [toJSONString(map('type', 'text', 'content', text, 'name', key))],
            direction = @arguments, [toJSONString(map('type', 'tool_call', 'arguments', if(type = 'String', JSONExtractString(text), text), 'id', tool.1, 'name', tool.2))],
            direction = @result, [toJSONString(map('type', 'tool_call_response', 'response', if(type = 'String', JSONExtractString(text), text), 'id', tool.1, 'name', tool.2))],
            text IN ('null', '{}', '[]'), [],
            type = 'Array', if(arrayExists(e -> JSONHas(e, 'role'), elements), elements, [concat('{"parts":', text, '}')]),
            list != '', arrayMap(e -> if(JSONHas(e, 'message'), JSONExtractRaw(e, 'message'), e), JSONExtractArrayRaw(text, list)),
            member != '', [JSONExtractRaw(text, member)],
            NOT whole AND toString(JSONType(text, 'message')) = 'Object', [JSONExtractRaw(text, 'message')],
            type IN ('Object', 'String'), [text],
            [toJSONString(text)])) AS raws
    FROM recognised
),
each AS
(
    SELECT origin, timestamp, trace_id, span_id, number, transform(key, @role_sources, @roles_of_sources, transform(direction, @directions, @roles_of_directions, '')) AS usual_role,
        arrayJoin(arrayEnumerate(raws)) AS place, toUInt32(nth * 65536 + place) AS message, raws[place] AS raw,
        arrayConcat(
            if(JSONExtractString(raw, 'reasoning_content') = '', [], [toJSONString(map('type', 'reasoning', 'content', JSONExtractString(raw, 'reasoning_content')))]),
            multiIf(
                toString(JSONType(raw)) != 'Object' OR JSONExtractString(raw, 'tool_call_id') != '', [raw],
                notEmpty(JSONExtractArrayRaw(raw, 'parts')), JSONExtractArrayRaw(raw, 'parts'),
                notEmpty(JSONExtractArrayRaw(raw, 'content')), JSONExtractArrayRaw(raw, 'content'),
                JSONExtractString(raw, 'content') NOT IN ('', '[]') AND (JSONHas(raw, 'role') OR NOT JSONHas(raw, 'type')), [JSONExtractRaw(raw, 'content')],
                JSONExtractString(raw, 'refusal') != '', [JSONExtractRaw(raw, 'refusal')],
                notEmpty(JSONExtractArrayRaw(raw, 'tool_calls')) OR (JSONHas(raw, 'role') AND (JSONHas(raw, 'content') OR JSONHas(raw, 'parts') OR length(JSONExtractKeys(raw)) = 1)), [],
                [raw]),
            JSONExtractArrayRaw(raw, 'tool_calls')) AS parts
    FROM messages
)
SELECT origin, timestamp, trace_id, span_id, number, message, if(toString(JSONType(raw)) = 'Object' AND JSONExtractString(raw, 'role') != '', JSONExtractString(raw, 'role'), usual_role) AS role,
    toUInt32(arrayJoin(arrayEnumerate(parts))) AS place, parts[place] AS part
FROM each
