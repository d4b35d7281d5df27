-- Do the channels take what they are sent? One row a channel that was used since `from`; `failing`: its last try failed.
CREATE OR REPLACE VIEW spanledger.channel_health AS
SELECT
    channel,
    maxOrNullIf(at, event = 'notified') AS last_ok_at,
    maxOrNullIf(at, event = 'failed') AS last_failure_at,
    argMaxIf(detail, at, event = 'failed') AS last_error,
    countIf(event = 'notified') AS notified,
    countIf(event = 'failed') AS failed,
    ifNull(last_failure_at > ifNull(last_ok_at, toDateTime64(0, 3, 'UTC')), false) AS failing
FROM spanledger.alert_events
WHERE at >= {from:DateTime('UTC')} AND event IN ('notified', 'failed')
GROUP BY channel
