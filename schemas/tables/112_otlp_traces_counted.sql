-- Of requests of logs and metrics, only as much as it takes to count what is in them; they are read in `otlp_signals`.
ALTER TABLE spanledger.otlp_traces
    ADD COLUMN IF NOT EXISTS logs    Tuple(resource_logs Array(Tuple(scope_logs Array(Tuple(log_records @Counted))))),
    ADD COLUMN IF NOT EXISTS metrics Tuple(resource_metrics Array(Tuple(scope_metrics Array(Tuple(metrics Array(Tuple(
        gauge Tuple(data_points @Counted), sum Tuple(data_points @Counted), histogram Tuple(data_points @Counted),
        exponential_histogram Tuple(data_points @Counted), summary Tuple(data_points @Counted))))))))
