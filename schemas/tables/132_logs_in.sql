-- One row a log record: read, and judged.
CREATE TABLE spanledger.logs_in
(
    origin    @Origin,
    resource  @Resource,
    event     @Event,
    of_gen_ai Bool,                    -- what is not is only counted
    refusal   LowCardinality(String),  -- why it is refused; empty where it is not
    timestamp DateTime64(9, 'UTC')
)
ENGINE = Null
