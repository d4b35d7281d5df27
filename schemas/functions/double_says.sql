-- Does a column that holds a double as a whole number of its smallest units (nanoseconds, 1e-12 dollars: `units` in one) say all that
-- the double says? Below 1000, doubles tell such numbers apart. Takes the double as a text.
CREATE OR REPLACE FUNCTION spanledger_double_says AS (text, units) ->
    toFloat64OrZero(text) BETWEEN 1 / units AND 1000 AND round(toFloat64OrZero(text) * units) / units = toFloat64OrZero(text)
