-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- More tokens than this in one figure are absurd.
CREATE OR REPLACE FUNCTION spanledger_limit_tokens AS () ->
    100000000
