-- An AnyValue as text. Strings as they are; numbers and flags as SQL prints them; an array as JSON, each element a JSON string
-- or, where it is none, its AnyValue bytes in base64: `["stop",{"any":"GAU="}]`; key-value lists, bytes and arrays of more than
-- 64 elements in base64. Together with its type the value reads back equal.
CREATE OR REPLACE FUNCTION spanledger_attribute_text AS (value) -> multiIf(
    startsWith(value, '\n'), spanledger_any_string(value),
    ascii(value) = 24, toString(spanledger_any_ints([value])[1]),
    ascii(value) = 33, toString(reinterpretAsFloat64(substring(value, 2))),
    ascii(value) = 16, if(endsWith(value, char(1)), 'true', 'false'),
    ascii(value) = 42, arrayMap(elements -> if(length(elements) > 64, base64Encode(spanledger_any_string(value)), concat(
        '[', arrayStringConcat(arrayMap(element -> if(
            startsWith(element, '\n') AND isValidUTF8(spanledger_any_string(element)),
            toJSONString(spanledger_any_string(element)),
            concat('{"any":"', base64Encode(element), '"}')), elements), ','), ']')), [spanledger_any_elements(value)])[1],
    base64Encode(spanledger_any_string(value)))
