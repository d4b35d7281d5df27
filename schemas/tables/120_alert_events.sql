-- What the alert evaluator decided and did, one row an event, appended only. An incident is (fingerprint, started_at); its
-- state is read back from here when the platform starts. Durable when an INSERT returns: a page must not go out twice.
CREATE TABLE spanledger.alert_events
(
    at          DateTime64(3, 'UTC'),
    alert       LowCardinality(String),      -- burn-rate, no-data, or one of the platform's own
    objective   LowCardinality(String),      -- '' for alerts of the platform
    severity    LowCardinality(String),      -- page, ticket
    fingerprint String,                      -- of alert, objective, severity and subject: the same for each incident of the alert
    started_at  DateTime64(3, 'UTC'),
    event       LowCardinality(String),      -- firing, no_data, resolved, silenced, unsilenced; notified, failed: of a channel
    value       Nullable(Float64),           -- at firing; of `resolved` the highest while it fired
    summary     String,
    description String,
    labels      Map(String, String),
    channel     LowCardinality(String),      -- of notified and failed
    detail      String                       -- notified: which event was told; failed: the error; silenced: the silence's id
)
ENGINE = MergeTree
PARTITION BY toYear(at)
ORDER BY (started_at, fingerprint, at)
TTL toDateTime(at) + INTERVAL 1100 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
