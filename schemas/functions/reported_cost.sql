-- US dollars, of a text, rounded half-even to 12 decimals: a sum of doubles says 0.00011534999999999998 and means 0.00011535. NULL where
-- it says none, less than nothing or more than is to be believed.
CREATE OR REPLACE FUNCTION spanledger_reported_cost AS (text) ->
    if(toFloat64OrZero(text) BETWEEN 0 AND @limit_reported_cost, CAST(roundBankers(toDecimal128OrNull(text, 24), 12) AS Nullable(Decimal(38, 12))), NULL)
