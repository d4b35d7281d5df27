-- A token count from an attribute's text: NULL where it is absent, no whole number, negative or absurd.
CREATE OR REPLACE FUNCTION spanledger_tokens AS (text) ->
    if(toUInt64OrNull(text) <= @limit_tokens, toUInt64OrNull(text), NULL)
