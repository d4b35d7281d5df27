-- The names of dialects, handed on.
ALTER TABLE spanledger.spans_in MODIFY COLUMN named @NamedNow
