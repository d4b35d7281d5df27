-- One row a resource of a request of metrics.
CREATE TABLE spanledger.otlp_metrics
(
    origin           @Origin,
    resource_metrics @OtlpResourceMetrics
)
ENGINE = Null
