-- What dialects say besides. (`http_status` is no longer filled: what came of it is `failed` and `refused_with`.)
ALTER TABLE spanledger.spans_named
    MODIFY COLUMN named @NamedNow,
    ADD COLUMN IF NOT EXISTS guessed Array(String),  -- what was made of usage that contradicts itself: flags, or nothing
    ADD COLUMN IF NOT EXISTS first_token_at UInt64,
    ADD COLUMN IF NOT EXISTS failed Bool,
    ADD COLUMN IF NOT EXISTS refused_with String,    -- an HTTP status
    ADD COLUMN IF NOT EXISTS streams_apart Bool,     -- whether its scope reports a stream by a span of its own
    ADD COLUMN IF NOT EXISTS duration_ns UInt64
