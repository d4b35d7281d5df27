-- How much of an objective's budget was left, over time? One row a bucket of `step` seconds, as it was when the bucket ended.
-- As in objective_status: of the period that the bucket's end lies in; 1 is untouched, below 0 overspent; no row where nothing was
-- called in that period. What was called before the range is read by the hour.
CREATE OR REPLACE VIEW spanledger.objective_budget AS
SELECT
    bucket AS time,
    sum(calls) AS calls_so_far, sum(bad) AS bad_so_far, sum(spent_usd) AS spent_usd_so_far,
    if(any(kind) = 'slo', 1 - bad_so_far / nullIf(calls_so_far * (1 - any(objective_ratio)), 0), 1 - toFloat64(spent_usd_so_far) / toFloat64(any(amount_usd))) AS budget_left
FROM
(
    SELECT
        kind, objective_ratio, amount_usd,
        toDateTime(arrayJoin(range(toUnixTimestamp(toStartOfInterval({from:DateTime('UTC')}, toIntervalSecond({step:UInt32}))), toUnixTimestamp({to:DateTime('UTC')}), {step:UInt32})), 'UTC') AS bucket,
        least(bucket + {step:UInt32}, {to:DateTime('UTC')}) AS until,
        spanledger_period_from(until - 1, period, time_zone) AS since
    FROM spanledger.objectives_now
    WHERE objective = {objective:String}
) AS buckets
CROSS JOIN
(
    SELECT time, calls, bad, spent_usd
    FROM spanledger.objective_series(objective={objective:String}, step=3600, from=toStartOfHour({from:DateTime('UTC')}) - INTERVAL 367 DAY, to=toStartOfHour({from:DateTime('UTC')}))
    UNION ALL
    SELECT time, calls, bad, spent_usd
    FROM spanledger.objective_series(objective={objective:String}, step=least({step:UInt32}, 3600), from=toStartOfHour({from:DateTime('UTC')}), to={to:DateTime('UTC')})
) AS series
WHERE series.time >= since AND series.time < until
GROUP BY bucket
