-- The silences, as the data folder's silences.json last had them. The evaluator obeys the file; this is for readers.
CREATE TABLE spanledger.silences
(
    id          String,
    matchers    Map(String, String),         -- alert, objective, severity or a label, to a value; * stands for anything
    starts_at   DateTime('UTC'),
    ends_at     DateTime('UTC'),
    created_by  String,
    comment     String,
    expired     Bool,                        -- ended by hand, or over
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY id
