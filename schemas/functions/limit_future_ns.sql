-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- How long after its arrival a span may claim to begin or end, in nanoseconds.
CREATE OR REPLACE FUNCTION spanledger_limit_future_ns AS () ->
    toUInt64(86400000000000)
