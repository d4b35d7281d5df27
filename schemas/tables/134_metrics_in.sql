-- One row a data point: read, and judged.
CREATE TABLE spanledger.metrics_in
(
    origin    @Origin,
    resource  @Resource,
    name      LowCardinality(String),
    unit      LowCardinality(String),
    point     @Point,
    of_gen_ai Bool,                    -- what is not is only counted
    refusal   LowCardinality(String),  -- why it is refused; empty where it is not
    timestamp DateTime64(9, 'UTC')
)
ENGINE = Null
