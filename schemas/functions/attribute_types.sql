-- The types of a list of attributes, beside their texts.
CREATE OR REPLACE FUNCTION spanledger_attribute_types AS (attributes) ->
    CAST(arrayMap(a -> CAST(a.value.value, 'Int8'), attributes) AS Array(@AttributeType))
