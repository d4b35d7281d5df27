-- One row a scope of a request, its resource read.
CREATE TABLE spanledger.otlp_scopes
(
    origin          @Origin,
    resource        @Resource,
    resource_fields @Fields,
    spans           @Spans
)
ENGINE = Null
