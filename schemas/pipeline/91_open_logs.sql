-- The way of logs: from requests to resources.
CREATE MATERIALIZED VIEW spanledger.open_logs TO spanledger.otlp_logs AS
SELECT (project, received_at, digest, segment) AS origin, arrayJoin(logs.resource_logs) AS resource_logs
FROM spanledger.otlp_signals
WHERE notEmpty(logs.resource_logs)
