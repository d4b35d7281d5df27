-- How does each objective stand at `at`, in the period that this lies in?
-- `budget_left`: 1 is untouched, below 0 overspent; NULL where nothing was called. `burn_1h`, `burn_6h`: as in objective_windows.
-- `state`: page or ticket where a rule of that severity fires; else no_data where nothing was called for an hour, low_traffic where
-- too little was called in that hour for it to be judged (slower rules may judge all the same); else ok.
-- `last_call_at`: to the minute, NULL where the last call is older than the period and three days.
CREATE OR REPLACE VIEW spanledger.objective_status AS
SELECT
    objective, kind, indicator, description, objective_ratio, period, period_from, period_to, calls, bad,
    if(kind = 'slo', 1 - bad / nullIf(calls, 0), NULL) AS good_ratio,
    if(kind = 'slo', calls * (1 - objective_ratio), NULL) AS allowed_bad,
    if(kind = 'slo', 1 - bad / nullIf(allowed_bad, 0), 1 - toFloat64(spent_usd) / toFloat64(amount_usd)) AS budget_left,
    spent_usd, amount_usd, burn_1h, burn_6h, last_call_at,
    multiIf(pages > 0, 'page', tickets > 0, 'ticket', kind = 'budget', 'ok', first_calls = 0, 'no_data', NOT first_enough, 'low_traffic', 'ok') AS state
FROM
(
    SELECT
        objective, kind, indicator, description, objective_ratio, period, period_from, period_to, amount_usd,
        sumIf(calls_, counts) AS calls, sumIf(bad_, counts) AS bad,
        if(kind = 'budget', sumIf(cost_usd_, counts) + sumIf(unpriced_calls_, counts) * unpriced_call_usd, NULL) AS spent_usd,
        nullIf(max(last_minute), toDateTime(0, 'UTC')) AS last_call_at
    FROM
    (
        SELECT periods.*, calls_, bad_, cost_usd_, unpriced_calls_, last_minute,
            -- hours that begin in the period, and the minutes of the hour that it begins in and of this one
            time >= period_from AND (whole OR time >= toStartOfHour({at:DateTime('UTC')}) OR toStartOfHour(time) < period_from) AS counts
        FROM (SELECT * FROM spanledger.objective_periods(at={at:DateTime('UTC')})) AS periods
        LEFT JOIN
        (
            SELECT objective, version, minute AS time, false AS whole, max(minute) AS last_minute,
                sum(calls) AS calls_, sum(bad) AS bad_, sum(cost_usd) AS cost_usd_, sum(unpriced_calls) AS unpriced_calls_
            FROM spanledger.objective_minutes
            WHERE minute < {at:DateTime('UTC')} AND hour IN
            (
                SELECT arrayJoin([toStartOfHour(period_from), toStartOfHour({at:DateTime('UTC')})])
                FROM spanledger.objective_periods(at={at:DateTime('UTC')})
            )
            GROUP BY objective, version, time
            UNION ALL
            SELECT objective, version, hour AS time, true AS whole, max(minute) AS last_minute,
                sum(calls) AS calls_, sum(bad) AS bad_, sum(cost_usd) AS cost_usd_, sum(unpriced_calls) AS unpriced_calls_
            FROM spanledger.objective_minutes
            WHERE hour < toStartOfHour({at:DateTime('UTC')}) AND hour >=
            (
                SELECT toStartOfHour(least(min(period_from), {at:DateTime('UTC')} - INTERVAL 3 DAY))
                FROM spanledger.objective_periods(at={at:DateTime('UTC')})
            )
            GROUP BY objective, version, time
        ) AS sums USING (objective, version)
    )
    GROUP BY objective, kind, indicator, description, objective_ratio, period, period_from, period_to, amount_usd, unpriced_call_usd
) AS standings
LEFT JOIN
(
    SELECT objective,
        maxIf(long_burn, long_seconds = 3600) AS burn_1h, maxIf(long_burn, long_seconds = 21600) AS burn_6h,
        countIf(firing AND severity = 'page') AS pages, countIf(firing AND severity = 'ticket') AS tickets,
        argMin(long_calls, long_seconds) AS first_calls, argMin(enough, long_seconds) AS first_enough
    FROM spanledger.objective_windows(at={at:DateTime('UTC')})
    GROUP BY objective
) AS burns USING (objective)
