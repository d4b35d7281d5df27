-- One row a span, as it came, beside what its resource and scope say.
CREATE TABLE spanledger.otlp_spans
(
    origin          @Origin,
    resource        @Resource,
    resource_fields @Fields,
    otlp            @OtlpSpan
)
ENGINE = Null
