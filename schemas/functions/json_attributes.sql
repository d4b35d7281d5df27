-- What a JSON document says, as attributes `name→path`, two levels deep: what it holds itself, and what the objects in it hold; of an object
-- that is its `usage` or `usageMetadata`, or that one of these has, two more. A document that is one text has the path ''. Texts without their
-- quotes; other values as JSON writes them. Of what is no JSON nothing is said, nor of null, lists, and texts of 16 KB. Of a document that is a
-- list (of messages, content) only the `finish_reason` that its last object ends with: it is not parsed, which would take longer than all
-- else. A dict as Python prints it (`{'cache_read': 8}`) is read as JSON.
CREATE OR REPLACE FUNCTION spanledger_json_attributes AS (name, text) -> arrayMap(
    pair -> (concat(name, '→', pair.1), spanledger_any_of_string(if(startsWith(pair.2, '"'), JSONExtractString(pair.2), pair.2))),
    arrayFilter(pair -> pair.2 != 'null' AND length(pair.2) < 16000 AND NOT startsWith(pair.2, '{') AND NOT startsWith(pair.2, '['), arrayConcat(
        multiIf(
            startsWith(text, '{'), [],
            startsWith(text, '['), [('finish_reason', extract(right(text, 256), '"finish_reason": ?("[^"]*")[^{}]*\\}\\s*\\]\\s*$'))],
            [('', text)]),
        arrayFlatten(arrayMap(json -> arrayConcat(
            JSONExtractKeysAndValuesRaw(json),
            arrayFlatten(arrayMap(outer -> arrayConcat(outer, spanledger_json_members(arrayFilter(pair -> match(pair.1, '(?:^|\\.)usage(?:Metadata)?(?:\\.|$)'), arrayConcat(
                outer, spanledger_json_members(arrayFilter(pair -> match(pair.1, '\\.usage(?:Metadata)?$'), outer)))))),
                [spanledger_json_members(JSONExtractKeysAndValuesRaw(json))]))),
            [multiIf(
                startsWith(text, '['), '',
                startsWith(text, '{\''), replaceAll(replaceRegexpAll(text, ': (None|True|False)\\b', ': null'), '\'', '"'), text)])))))
