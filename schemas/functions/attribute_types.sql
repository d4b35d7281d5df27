-- The types of a list of attributes, beside their texts.
CREATE OR REPLACE FUNCTION spanledger_attribute_types AS (attributes) ->
    CAST(arrayMap(a -> CAST(a.value.value, 'Int8'), attributes), 'Array(Enum8(''unset'' = 0, ''string'' = 1, ''bool'' = 2, ''int'' = 3, ''double'' = 4, ''array'' = 5, ''kvlist'' = 6, ''bytes'' = 7))')
