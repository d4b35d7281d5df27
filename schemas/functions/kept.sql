-- The attributes that may be stored: all but content.
CREATE OR REPLACE FUNCTION spanledger_kept AS (attributes) ->
    arrayFilter(a -> NOT spanledger_is_content(spanledger_attribute_number(a.key)), attributes)
