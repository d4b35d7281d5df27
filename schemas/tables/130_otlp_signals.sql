-- What the collector inserts a second time, of segments that hold logs or metrics: one row a request, as otlp.proto reads it, of
-- which traces are empty here. A table of its own, so that what is of traces alone does not cost the planning of these views.
CREATE TABLE spanledger.otlp_signals
(
    project     String,
    received_at UInt64,
    digest      String,
    segment     UInt64,
    logs        Tuple(resource_logs Array(@OtlpResourceLogs)),
    metrics     Tuple(resource_metrics Array(@OtlpResourceMetrics))
)
ENGINE = Null
