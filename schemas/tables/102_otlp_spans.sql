-- One row a span, its attributes read.
CREATE TABLE spanledger.otlp_spans
(
    origin          @Origin,
    resource        @Resource,
    resource_fields @Fields,
    span            @Span,
    attributes      @ReadAttributes,
    parent_length   UInt64,
    exception_type  String
)
ENGINE = Null
