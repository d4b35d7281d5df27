-- What a bucket costs in USD × 10^6: 0 for an empty one, NULL where it has tokens and no rate.
CREATE OR REPLACE FUNCTION spanledger_charge AS (tokens, rate) ->
    if(tokens = 0, toDecimal128(0, 12), toDecimal128(tokens, 0) * rate)
