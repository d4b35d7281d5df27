-- The way of metrics: from requests to resources.
CREATE MATERIALIZED VIEW spanledger.open_metrics TO spanledger.otlp_metrics AS
SELECT (project, received_at, digest, segment) AS origin, arrayJoin(metrics.resource_metrics) AS resource_metrics
FROM spanledger.otlp_signals
WHERE notEmpty(metrics.resource_metrics)
