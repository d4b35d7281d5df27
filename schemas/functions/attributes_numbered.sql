-- Numbered attributes (key, value, number) that feed a field: the preferred one of each field first. One without text feeds
-- nothing, so that the next best can.
CREATE OR REPLACE FUNCTION spanledger_attributes_numbered AS (attributes) ->
    arraySort(a -> a.3, arrayFilter(a -> a.3 != 0 AND a.2 NOT IN ('', '\n\0'), attributes))
