-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- The field number within an attribute number.
CREATE OR REPLACE FUNCTION spanledger_attribute_field AS (number) ->
    bitShiftRight(number, 6)
