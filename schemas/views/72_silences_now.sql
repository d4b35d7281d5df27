-- Which silences hold at this moment?
CREATE OR REPLACE VIEW spanledger.silences_now AS
SELECT id, matchers, starts_at, ends_at, created_by, comment
FROM spanledger.silences FINAL
WHERE NOT expired AND starts_at <= now('UTC') AND ends_at > now('UTC')
