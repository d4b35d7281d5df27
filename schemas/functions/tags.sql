-- The tags among attributes, given as texts: what stands behind one of the prefixes and feeds no field (in quotes where it is JSON), and the
-- words of a list, each 'true'.
CREATE OR REPLACE FUNCTION spanledger_tags AS (attributes) -> mapUpdate(
    CAST(arrayMap(word -> (word, 'true'), arrayFilter(word -> word != '', arrayFlatten(arrayMap(
        text -> if(startsWith(text, '['), JSONExtract(text, 'Array(String)'), arrayMap(word -> trimBoth(word), splitByChar(',', text))),
        arrayMap(name -> attributes[name], @tag_lists))))) AS Map(String, String)),
    mapApply(
        (key, text) -> (substring(key, length(arrayFirst(prefix -> startsWith(key, prefix), @tag_prefixes)) + 1), if(startsWith(text, '"'), JSONExtractString(text), text)),
        mapFilter((key, text) -> arrayExists(prefix -> startsWith(key, prefix), @tag_prefixes) AND NOT has(@field_attributes, key) AND NOT has(@tag_lists, key) AND NOT match(key, @no_tags), attributes)))
