-- The money rule: Σ tokens × USD per million tokens, and the fee of the call, rounded half-even to 12 decimals, once (D8).
-- Takes the eight buckets and the nine rates. NULL, never 0, where tokens were used that have no rate.
CREATE OR REPLACE FUNCTION spanledger_list_cost AS (buckets, rates) ->
    if(arrayExists((number, rate) -> number > 0 AND rate < 0, arrayPushBack(buckets, 1), rates), NULL, CAST(roundBankers(
        CAST(arraySum((number, rate) -> toDecimal128(number, 0) * rate, arrayPushBack(buckets, 1), rates) AS Decimal(38, 18)) / 1000000, 12) AS Decimal(38, 12)))
