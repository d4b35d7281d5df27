-- What the calls did to the objectives, minute by minute. Every figure is a plain sum.
CREATE TABLE spanledger.objective_minutes
(
    objective      LowCardinality(String),
    version        LowCardinality(String),
    project        LowCardinality(String),                -- as in `objectives`
    minute         DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    hour           DateTime('UTC') MATERIALIZED toStartOfHour(minute) CODEC(Delta(4), ZSTD(1)),
    -- Arrived more than 15 minutes after its minute, a correction, or counted after the fact: views count it, Prometheus, whose
    -- samples have the time of the scrape, does not.
    late           Bool,
    calls          Int64 CODEC(ZSTD(1)),                  -- of SLOs first charges only; of budgets all postings, signed
    bad            Int64 CODEC(ZSTD(1)),
    cost_usd       Decimal(38, 12) CODEC(ZSTD(1)),        -- of budgets
    unpriced_calls Int64 CODEC(ZSTD(1)),                  -- of budgets
    segment        UInt64 CODEC(ZSTD(1)),
    INDEX by_segment segment TYPE minmax GRANULARITY 1,
    PROJECTION by_hour
    (
        SELECT objective, version, project, hour, late, sum(calls), sum(bad), sum(cost_usd), sum(unpriced_calls), max(minute)
        GROUP BY objective, version, project, hour, late
    )
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (objective, version, minute)
TTL minute + INTERVAL 460 DAY -- the longest period is a year
SETTINGS materialize_projections_on_insert = 0, materialize_projections_on_merge = 1, non_replicated_deduplication_window = 10000, lightweight_mutation_projection_mode = 'rebuild', default_compression_codec = 'ZSTD(1)'
