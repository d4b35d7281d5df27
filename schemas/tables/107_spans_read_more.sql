-- What events say besides: of an exception, and when the first token came (0 where none did).
ALTER TABLE spanledger.spans_read
    ADD COLUMN IF NOT EXISTS exception_message String,
    ADD COLUMN IF NOT EXISTS first_token_at UInt64
