-- The span's own text, or the resource's where the span has none.
CREATE OR REPLACE FUNCTION spanledger_first_filled AS (own, inherited) -> if(empty(own), inherited, own)
