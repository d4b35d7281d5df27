-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- How long before its arrival a span may have begun, in nanoseconds.
CREATE OR REPLACE FUNCTION spanledger_limit_old_ns AS () ->
    toUInt64(63158400000000000)
