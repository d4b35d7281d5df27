-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- The key of a tag attribute, '' where the attribute is none.
CREATE OR REPLACE FUNCTION spanledger_tag_key AS (key) ->
    if(startsWith(key, 'spanledger.tag.'), substring(key, 16), '')
