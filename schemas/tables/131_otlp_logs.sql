-- One row a resource of a request of logs.
CREATE TABLE spanledger.otlp_logs
(
    origin        @Origin,
    resource_logs @OtlpResourceLogs
)
ENGINE = Null
