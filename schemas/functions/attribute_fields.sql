-- Field to text, of numbered attributes and their texts, the preferred one of each field first: a lookup takes the first.
CREATE OR REPLACE FUNCTION spanledger_attribute_fields AS (attributes, texts) ->
    CAST((arrayMap(a -> toUInt8(bitAnd(bitShiftRight(a.2, 8), 255)), attributes), texts) AS @Fields)
