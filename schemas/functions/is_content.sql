-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- Is the attribute of this number a prompt, a completion, or part of one?
CREATE OR REPLACE FUNCTION spanledger_is_content AS (number) ->
    number = 65535
