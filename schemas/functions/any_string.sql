-- What is in the bytes of an AnyValue that holds a string, an array, a list of pairs or bytes: behind the tag and the length, a varint.
CREATE OR REPLACE FUNCTION spanledger_any_string AS (value) ->
    substring(value, multiIf(length(value) < 130, 3, length(value) < 16387, 4, length(value) < 2097156, 5, 6))
