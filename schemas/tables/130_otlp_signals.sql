-- Exactly one of the three has something in it: which signal was the request of?
ALTER TABLE spanledger.otlp_traces
    ADD COLUMN IF NOT EXISTS logs    Tuple(resource_logs Array(@OtlpResourceLogs)),
    ADD COLUMN IF NOT EXISTS metrics Tuple(resource_metrics Array(@OtlpResourceMetrics))
