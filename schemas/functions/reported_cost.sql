-- US dollars, of a text. NULL where it says none, less than nothing or more than is to be believed.
CREATE OR REPLACE FUNCTION spanledger_reported_cost AS (text) ->
    if(toFloat64OrZero(text) BETWEEN 0 AND @limit_reported_cost, toDecimal128OrNull(text, 12), NULL)
