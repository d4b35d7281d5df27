-- The attributes that may be stored: all but content (D13).
CREATE OR REPLACE FUNCTION spanledger_kept AS (attributes) ->
    arrayFilter(a -> @number(a.key) != @content, attributes)
