-- The nine rates that a call pays, of a price entry: those of the first card for its total input and its minute of the day.
-- All of them are -1 where there is no such card.
CREATE OR REPLACE FUNCTION spanledger_price_rates AS (entry, input_tokens, at) ->
    arraySlice(
        arrayConcat(arrayWithConstant(9, toDecimal64(-1, 12)), tupleElement(entry, 2)),
        9 * arrayFirstIndex(
            limit -> input_tokens >= bitShiftRight(limit, 22)
                AND toHour(at) * 60 + toMinute(at) >= bitAnd(bitShiftRight(limit, 11), 2047)
                AND toHour(at) * 60 + toMinute(at) < bitAnd(limit, 2047),
            tupleElement(entry, 1)) + 1,
        9)
