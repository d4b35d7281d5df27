-- One row a span, its attributes read.
CREATE TABLE spanledger.spans_read
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
