-- What AnyValues say to the columns that they feed, as texts: of an array its first element, where that is a short string.
CREATE OR REPLACE FUNCTION spanledger_field_texts AS (values) -> arrayMap(
    (raw, number) -> multiIf(
        startsWith(raw, '\n'), spanledger_any_string(raw),
        ascii(raw) = 24, toString(number),
        ascii(raw) = 33, toString(reinterpretAsFloat64(substring(raw, 2))),
        ascii(raw) = 16, if(endsWith(raw, char(1)), 'true', 'false'),
        ascii(raw) = 42 AND ascii(substring(raw, 5)) = 10 AND ascii(substring(raw, 6)) BETWEEN 0 AND 127, substring(raw, 7, ascii(substring(raw, 6))),
        base64Encode(spanledger_any_string(raw))),
    values, spanledger_any_ints(values))
