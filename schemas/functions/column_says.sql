-- Does the column that a numbered attribute feeds say all that the attribute says, so that it can be read back from there? By the
-- kind of the column, which is the highest byte of the number (attributes.yaml, `columns`), and the type of the attribute. A double
-- has to be a whole number of the column's smallest units, nanoseconds or 1e-12 dollars (below 1000, doubles tell them apart).
-- `elsewhere`: the fields whose columns say it in other words or figures, or not at all, a bit each.
CREATE OR REPLACE FUNCTION spanledger_column_says AS (number, value, text, elsewhere) -> multiIf(
    bitTest(number, 7) OR bitTest(elsewhere, bitAnd(bitShiftRight(number, 8), 63)), false,  -- the first stands in JSON
    bitShiftRight(number, 16) = @kind_string, startsWith(value, '\n'),
    bitShiftRight(number, 16) = @kind_int, ascii(value) = 24 AND NOT startsWith(text, '-') AND toUInt64OrZero(text) <= @limit_tokens,
    bitShiftRight(number, 16) = @kind_bool, ascii(value) = 16,
    bitShiftRight(number, 8) = @field_of(ttft_ns),
        ascii(value) = 33 AND reinterpretAsFloat64(substring(value, 2)) BETWEEN 1e-9 AND 1000
        AND round(reinterpretAsFloat64(substring(value, 2)) * 1e9) / 1e9 = reinterpretAsFloat64(substring(value, 2)),
    bitShiftRight(number, 8) = @field_of(reported_cost_usd),
        ascii(value) = 33 AND reinterpretAsFloat64(substring(value, 2)) BETWEEN 1e-12 AND 1000
        AND round(reinterpretAsFloat64(substring(value, 2)) * 1e12) / 1e12 = reinterpretAsFloat64(substring(value, 2)),
    false)
