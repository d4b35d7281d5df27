-- Read attributes as (field number, text), for the fields up to `last`. Of two that feed the same field the preferred comes
-- first, and a lookup takes the first. One without text feeds nothing, so that the next best can.
CREATE OR REPLACE FUNCTION spanledger_attributes_named AS (attributes, last) -> arrayMap(
    a -> (toUInt8(intDiv(a.4, @preferences)), a.2),
    arraySort(a -> a.4, arrayFilter(a -> a.4 != 0 AND a.4 < (last + 1) * @preferences AND a.2 != '', attributes)))
