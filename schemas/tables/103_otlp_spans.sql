-- One row a span, as it came, beside what its resource and scope say.
CREATE TABLE spanledger.otlp_spans
(
    origin    @Origin,
    resource  @Resource,
    inherited @Numbered,  -- attributes of the resource that feed a field of the span, if it says nothing itself
    otlp      @OtlpSpan
)
ENGINE = Null
