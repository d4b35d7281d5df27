-- Which incidents were there in a range of time? One row an incident that was open at some moment of it.
-- `resolved_at` is NULL while it is open. `value`: the highest seen. `channels`: those that were told.
CREATE OR REPLACE VIEW spanledger.alert_history AS
SELECT
    alert, objective, severity, fingerprint, started_at, resolved_at,
    if(isNull(resolved_at), opening, 'resolved') AS state,
    dateDiff('second', started_at, resolved_at) AS duration_seconds,
    value, summary, description, labels, silenced, channels, last_notified_at
FROM
(
    SELECT
        alert, objective, severity, fingerprint, started_at,
        maxOrNullIf(at, event = 'resolved') AS resolved_at,
        anyIf(event, event IN ('firing', 'no_data')) AS opening,
        maxIf(value, event IN ('firing', 'no_data', 'resolved')) AS value,
        anyIf(summary, event IN ('firing', 'no_data')) AS summary,
        anyIf(description, event IN ('firing', 'no_data')) AS description,
        anyIf(labels, event IN ('firing', 'no_data')) AS labels,
        argMaxIf(event, at, event IN ('silenced', 'unsilenced')) = 'silenced' AS silenced,
        arraySort(groupUniqArrayIf(channel, event = 'notified')) AS channels,
        maxOrNullIf(at, event = 'notified') AS last_notified_at
    FROM spanledger.alert_events
    WHERE started_at < {to:DateTime('UTC')}
    GROUP BY alert, objective, severity, fingerprint, started_at
)
WHERE isNull(resolved_at) OR resolved_at >= {from:DateTime('UTC')}
