-- What dialects say besides, still as texts.
ALTER TABLE spanledger.spans_named
    MODIFY COLUMN named @NamedNow,
    ADD COLUMN IF NOT EXISTS guessed Array(String),    -- what was made of usage that contradicts itself: flags
    ADD COLUMN IF NOT EXISTS ttft_said Array(String),  -- in seconds, in milliseconds, as an instant
    ADD COLUMN IF NOT EXISTS first_token_at UInt64,
    ADD COLUMN IF NOT EXISTS level String,
    ADD COLUMN IF NOT EXISTS exception_message String,
    ADD COLUMN IF NOT EXISTS said_duration String,     -- in seconds
    DROP COLUMN IF EXISTS ttft_seconds
