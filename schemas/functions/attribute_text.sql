-- An attribute's value as text. Strings as they are; numbers and flags as SQL prints them; an array of strings as JSON;
-- any other array as JSON of its elements' AnyValue bytes in base64, `[{"any":"…"}]`; key-value lists and bytes in base64.
-- Together with the type beside it the value reads back equal.
CREATE OR REPLACE FUNCTION spanledger_attribute_text AS (value) -> multiIf(
    tupleElement(value, 'value') = 'string_value', tupleElement(value, 'string_value'),
    tupleElement(value, 'value') = 'int_value', toString(tupleElement(value, 'int_value')),
    tupleElement(value, 'value') = 'double_value', toString(tupleElement(value, 'double_value')),
    tupleElement(value, 'value') = 'bool_value', if(tupleElement(value, 'bool_value'), 'true', 'false'),
    tupleElement(value, 'value') = 'array_value', if(
        arrayAll(element -> startsWith(element, '\n'), tupleElement(tupleElement(value, 'array_value'), 'values')),
        toJSONString(arrayMap(
            -- an AnyValue string: tag, length as a varint, bytes
            element -> substring(element, multiIf(length(element) < 130, 3, length(element) < 16387, 4, length(element) < 2097156, 5, 6)),
            tupleElement(tupleElement(value, 'array_value'), 'values'))),
        concat('[', arrayStringConcat(arrayMap(element -> concat('{"any":"', base64Encode(element), '"}'), tupleElement(tupleElement(value, 'array_value'), 'values')), ','), ']')),
    tupleElement(value, 'value') = 'kvlist_value', base64Encode(tupleElement(value, 'kvlist_value')),
    tupleElement(value, 'value') = 'bytes_value', base64Encode(tupleElement(value, 'bytes_value')),
    '')
