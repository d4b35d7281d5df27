-- Of (name, JSON) pairs, what those that are objects hold: (`name.member`, JSON).
CREATE OR REPLACE FUNCTION spanledger_json_members AS (pairs) -> arrayFlatten(arrayMap(
    object -> arrayMap(member -> (concat(object.1, '.', member.1), member.2), JSONExtractKeysAndValuesRaw(object.2)),
    arrayFilter(pair -> startsWith(pair.2, '{'), pairs)))
