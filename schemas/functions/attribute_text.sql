-- An attribute's value as text. Strings as they are; numbers and flags as SQL prints them; an array as JSON, each element a
-- JSON string or, where it is none, its AnyValue bytes in base64: `["stop",{"any":"GAU="}]`; key-value lists and bytes in
-- base64. Together with the type beside it the value reads back equal.
CREATE OR REPLACE FUNCTION spanledger_attribute_text AS (value) -> multiIf(
    tupleElement(value, 'value') = 'string', tupleElement(value, 'string_value'),
    tupleElement(value, 'value') = 'int', toString(tupleElement(value, 'int_value')),
    tupleElement(value, 'value') = 'double', toString(tupleElement(value, 'double_value')),
    tupleElement(value, 'value') = 'bool', if(tupleElement(value, 'bool_value'), 'true', 'false'),
    tupleElement(value, 'value') = 'array', concat('[', arrayStringConcat(arrayMap(element -> if(
        startsWith(element, '\n') AND isValidUTF8(spanledger_any_string(element)),
        toJSONString(spanledger_any_string(element)),
        concat('{"any":"', base64Encode(element), '"}')), tupleElement(tupleElement(value, 'array_value'), 'values')), ','), ']'),
    base64Encode(concat(tupleElement(value, 'kvlist_value'), tupleElement(value, 'bytes_value'))))
