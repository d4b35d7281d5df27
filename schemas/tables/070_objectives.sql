-- What was promised: the SLOs and budgets of the configuration, as they were when the platform started. A row for each change;
-- `objectives_now` shows those in force.
CREATE TABLE spanledger.objectives
(
    objective         LowCardinality(String),
    kind              Enum8('slo' = 1, 'budget' = 2),
    description       String,
    indicator         LowCardinality(String),         -- availability, latency, time_to_first_token, cost; of a budget: spend
    threshold         Nullable(Float64),              -- seconds, or USD a call; NULL where the indicator has none
    objective_ratio   Float64,                        -- share of good calls that is promised, 0.999; 1 of a budget
    period            LowCardinality(String),         -- 28d, day, week, month, quarter, year
    time_zone         LowCardinality(String),
    projects          Array(String),                  -- the scope: an empty list is all of them
    environments      Array(String),
    services          Array(String),
    providers         Array(String),
    models            Array(String),
    teams             Array(String),
    errors            Array(String),                  -- error classes that count as bad
    minimum_calls     UInt64,                         -- fewer in a long window are not judged
    amount_usd        Nullable(Decimal(38, 12)),      -- of a budget, for a period
    unpriced_call_usd Nullable(Decimal(38, 12)),      -- of a budget: what a billable call without a price is taken to cost
    runbook           String,
    definition        String,                         -- as JSON
    version           String,                         -- of what is counted: rows of `objective_minutes` that carry it are its own
    recorded_at       DateTime64(3, 'UTC'),
    removed           Bool,
    project           LowCardinality(String),         -- whose key may see it: set where the scope is exactly one project
    segment           UInt64,                         -- the run that recorded it, and counted what was in the ledger already
    INDEX by_segment segment TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (objective, segment)
