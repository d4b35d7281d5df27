-- Handed on.
ALTER TABLE spanledger.spans_checked ADD COLUMN IF NOT EXISTS usage_estimated Bool
