-- Does the column that a numbered attribute feeds say all that the attribute says, so that it can be read back from there? Where the
-- attribute has the type that the column keeps, which is the highest byte of its number (attributes.yaml, `columns`), and an int is
-- no more than @limit_tokens: in as many bytes as it takes, or else it stays as it came. `elsewhere`: the fields whose columns say
-- it in other words or figures, or not at all, a bit each.
CREATE OR REPLACE FUNCTION spanledger_column_says AS (number, value, elsewhere) ->
    bitShiftRight(number, 16) = ascii(value) AND NOT bitTest(elsewhere, bitAnd(bitShiftRight(number, 8), 63))
    AND (ascii(value) != 24 OR length(value) <= 5)
