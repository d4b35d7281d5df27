-- Nanoseconds to the first token, of a text that says seconds. NULL where it says none, or more than a day.
CREATE OR REPLACE FUNCTION spanledger_ttft_ns AS (text) ->
    accurateCastOrNull(if(toFloat64OrZero(text) < 86400, round(toFloat64OrNull(text) * 1000000000), NULL), 'UInt64')
