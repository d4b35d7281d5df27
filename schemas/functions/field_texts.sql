-- What AnyValues say to the columns that they feed, as texts: of an array its first element, where that is a short string.
-- All branches are worked out for all values (engine.py, INSERT_SETTINGS), so the dear ones get nothing to do where they do not count.
CREATE OR REPLACE FUNCTION spanledger_field_texts AS (values) -> arrayMap(
    (raw, number, tag, first) -> multiIf(
        tag = 10, spanledger_any_string(raw),
        tag = 24, toString(if(tag = 24, number, 0)),
        tag = 33, toString(reinterpretAsFloat64(if(tag = 33, substring(raw, 2), ''))),
        tag = 16, if(endsWith(raw, char(1)), 'true', 'false'),
        tag = 42 AND ascii(first) = 10 AND ascii(substring(first, 2)) BETWEEN 0 AND 127, substring(first, 3, ascii(substring(first, 2))),
        base64Encode(if(tag >= 42, spanledger_any_string(raw), ''))),
    values, spanledger_any_ints(values), arrayMap(raw -> ascii(raw), values),
    arrayMap(raw -> substring(if(ascii(raw) = 42, raw, ''), 5), values))
