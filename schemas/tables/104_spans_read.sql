-- One row a span, its attributes sorted into those that feed a field, the resource's behind its own, and the others.
CREATE TABLE spanledger.spans_read
(
    origin         @Origin,
    resource       @Resource,
    span           @Span,
    named          @Numbered,
    unnamed        @Attributes,
    refusal        LowCardinality(String),  -- why the span is refused; empty where it is not
    exception_type String
)
ENGINE = Null
