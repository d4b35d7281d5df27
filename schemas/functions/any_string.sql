-- The text in the bytes of an AnyValue that holds a string: behind the tag and the length, a varint.
CREATE OR REPLACE FUNCTION spanledger_any_string AS (bytes) ->
    substring(bytes, multiIf(length(bytes) < 130, 3, length(bytes) < 16387, 4, length(bytes) < 2097156, 5, 6))
