-- The nine rates that a call pays, of a price entry: those of the first card for its total input and its minute of the day.
-- All of them are -1 where there is no such card.
CREATE OR REPLACE FUNCTION spanledger_price_rates AS (entry, input_tokens, at) ->
    arraySlice(
        arrayConcat(arrayWithConstant(9, toDecimal64(-1, 12)), entry.4),
        9 * arrayFirstIndex((input_from, minute_from, minute_to) -> input_tokens >= input_from
            AND toHour(at) * 60 + toMinute(at) >= minute_from AND toHour(at) * 60 + toMinute(at) < minute_to, entry.1, entry.2, entry.3) + 1,
        9)
