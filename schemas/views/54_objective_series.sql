-- What did the calls do to an objective, over time? `step`: width of a bucket in seconds (multiples of 3600 are read from a rollup).
-- `from` is inside the range, `to` is not; both count to the minute. Burn as in objective_windows, over the bucket as a window.
-- spent_usd is a budget's: with what calls without a price are taken to cost.
CREATE OR REPLACE VIEW spanledger.objective_series AS
SELECT
    time, calls, bad, if(kind = 'slo', 1 - bad / nullIf(calls, 0), NULL) AS good_ratio,
    if(kind = 'slo', bad / nullIf(calls, 0) / (1 - objective_ratio),
        toFloat64(spent_usd) / dateDiff('second', greatest(time, {from:DateTime('UTC')}), least(time + {step:UInt32}, {to:DateTime('UTC')}))
        / (toFloat64(amount_usd) / dateDiff('second', spanledger_period_from(time, period, time_zone), spanledger_period_to(time, period, time_zone)))) AS burn,
    if(kind = 'budget', cost_usd + unpriced_calls * unpriced_call_usd, NULL) AS spent_usd
FROM (SELECT * FROM spanledger.objectives_now WHERE objective = {objective:String}) AS objectives
INNER JOIN
(
    SELECT objective, version, time, sum(calls_) AS calls, sum(bad_) AS bad, sum(cost_usd_) AS cost_usd, sum(unpriced_calls_) AS unpriced_calls
    FROM
    (
        SELECT objective, version, toStartOfInterval(if({step:UInt32} % 3600 = 0, hour, minute), toIntervalSecond({step:UInt32})) AS time,
            sum(calls) AS calls_, sum(bad) AS bad_, sum(cost_usd) AS cost_usd_, sum(unpriced_calls) AS unpriced_calls_
        FROM spanledger.objective_minutes
        WHERE objective = {objective:String} AND hour >= toStartOfHour({from:DateTime('UTC')} + 3599) AND hour < toStartOfHour({to:DateTime('UTC')})
        GROUP BY objective, version, time
        UNION ALL
        SELECT objective, version, toStartOfInterval(if({step:UInt32} % 3600 = 0, hour, minute), toIntervalSecond({step:UInt32})) AS time,
            sum(calls) AS calls_, sum(bad) AS bad_, sum(cost_usd) AS cost_usd_, sum(unpriced_calls) AS unpriced_calls_
        FROM spanledger.objective_minutes
        WHERE objective = {objective:String} AND hour >= toStartOfHour({from:DateTime('UTC')}) AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
          AND (hour < toStartOfHour({from:DateTime('UTC')} + 3599) OR hour >= toStartOfHour({to:DateTime('UTC')}))
        GROUP BY objective, version, time
    )
    GROUP BY objective, version, time
) AS sums USING (objective, version)
