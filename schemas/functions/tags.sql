-- The tags among a map of attributes, by their keys.
CREATE OR REPLACE FUNCTION spanledger_tags AS (attributes) ->
    mapApply((key, text) -> (spanledger_tag_key(key), text), mapFilter((key, text) -> spanledger_tag_key(key) != '', attributes))
