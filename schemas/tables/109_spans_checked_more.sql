-- The names of dialects, handed on.
ALTER TABLE spanledger.spans_checked MODIFY COLUMN named @NamedNow
