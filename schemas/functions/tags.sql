-- The tags among a map of attributes, by their keys.
CREATE OR REPLACE FUNCTION spanledger_tags AS (attributes) -> mapApply(
    (key, text) -> (substring(key, length(@tag_prefix) + 1), text),
    mapFilter((key, text) -> startsWith(key, @tag_prefix), attributes))
