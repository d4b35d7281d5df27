-- What was corrected, without reading what was not: corrections are posted in segments of their own, so they lie together.
ALTER TABLE spanledger.ledger ADD INDEX IF NOT EXISTS by_reason reason TYPE minmax GRANULARITY 1
