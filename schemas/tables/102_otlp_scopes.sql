-- One row a scope of a request, its resource read.
CREATE TABLE spanledger.otlp_scopes
(
    origin       @Origin,
    attributes   @Attributes,              -- the resource's, less content
    inherited    @Numbered,                -- those that feed a field
    service_name LowCardinality(String),
    environment  LowCardinality(String),
    scope_spans  @OtlpScope
)
ENGINE = Null
