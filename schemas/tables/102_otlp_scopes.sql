-- One row a scope of a request, its resource read.
CREATE TABLE spanledger.otlp_scopes
(
    origin      @Origin,
    attributes  @ReadAttributes,  -- the resource's
    scope_spans @OtlpScope
)
ENGINE = Null
