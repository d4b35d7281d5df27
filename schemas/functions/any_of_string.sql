-- The AnyValue that holds a string of less than 16 KB: behind its tag and its length, a varint.
CREATE OR REPLACE FUNCTION spanledger_any_of_string AS (text) ->
    concat('\n', if(length(text) < 128, char(length(text)), char(128 + bitAnd(length(text), 127), bitShiftRight(length(text), 7))), text)
