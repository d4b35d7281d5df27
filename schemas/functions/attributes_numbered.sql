-- (value, number) of the attributes that feed a field, given each one's number: the preferred one of each field first. One without
-- text feeds nothing, so that the next best can. (Without the keys, which the numbers stand for: they are most of the bytes.)
CREATE OR REPLACE FUNCTION spanledger_attributes_numbered AS (attributes, numbers) -> arraySort(a -> a.2, arrayFilter(
    a -> a.2 != 0 AND a.2 < @document AND a.1 NOT IN ('', '\n\0'), arrayMap((a, number) -> (a.2, number), attributes, numbers)))
