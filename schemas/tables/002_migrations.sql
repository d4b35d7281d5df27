-- What was applied to this store: the files of this folder by name and sha256 of their text.
CREATE TABLE spanledger.migrations
(
    name       String,
    sha256     String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (name, applied_at)
