-- One row a resource of a request.
CREATE TABLE spanledger.otlp_resources
(
    origin         @Origin,
    resource_spans @OtlpResource
)
ENGINE = Null
