-- (field, text) of numbered attributes, the preferred one of each field first: a lookup takes the first.
CREATE OR REPLACE FUNCTION spanledger_attribute_fields AS (attributes, texts) ->
    CAST(arrayMap((a, text) -> (toUInt8(bitAnd(bitShiftRight(a.3, 8), 255)), text), attributes, texts) AS @Fields)
