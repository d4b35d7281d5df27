-- What is wrong now? One row an open incident; `silenced`: nobody is told of it; `value` as when it began.
CREATE OR REPLACE VIEW spanledger.alerts_open AS
SELECT
    alert, objective, severity, started_at, value, summary, silenced, last_notified_at, state, description, labels, channels, fingerprint
FROM spanledger.alert_history(from='2100-01-01 00:00:00', to='2100-01-01 00:00:00')
WHERE state != 'resolved'
