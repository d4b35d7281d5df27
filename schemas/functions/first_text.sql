-- What a list of attributes says under the first of these names that is there and says something, as a text.
CREATE OR REPLACE FUNCTION spanledger_first_text AS (attributes, names) -> arrayFirst(text -> text != '', arrayMap(
    name -> spanledger_any_string(arrayFirst(a -> a.key = name, attributes).value), names))
