-- A text without what redaction.yaml finds in it: `[email]` instead of an address, and so on.
CREATE OR REPLACE FUNCTION spanledger_redact AS (text) -> @redacted(text)
