-- Whether the SDK has counted the tokens, the provider having said nothing.
ALTER TABLE spanledger.spans_named ADD COLUMN IF NOT EXISTS usage_estimated Bool
