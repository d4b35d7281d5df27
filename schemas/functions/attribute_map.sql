-- A list of attributes as a map of texts.
CREATE OR REPLACE FUNCTION spanledger_attribute_map AS (attributes) ->
    CAST((tupleElement(attributes, 'key'), arrayMap(a -> spanledger_attribute_text(a.value), attributes)), 'Map(String, String)')
