-- How fast does each objective's budget burn, in each pair of windows of burn_windows.yaml that end at `at`?
-- A burn of 1 uses up the budget in exactly its period. Of an SLO it is the share of bad calls over the share that may be bad, NULL
-- where nothing was called; of a budget what is spent a second over what may be, calls without a price at their stated rate.
-- Windows begin with a minute, those of a day and more with an hour (the rollup's); rounded up: none is longer than it says.
-- `enough`: there were calls enough in the long window to judge by. `firing`: it is judged, and both burns are above the factor.
CREATE OR REPLACE VIEW spanledger.objective_windows AS
SELECT
    objective, kind, indicator, severity, factor, long_seconds, short_seconds, long_calls, long_bad,
    if(kind = 'slo', long_bad / nullIf(long_calls, 0) / (1 - objective_ratio),
        toFloat64(long_cost + long_unpriced * unpriced_call_usd) / dateDiff('second', long_from, {at:DateTime('UTC')}) / usd_a_second) AS long_burn,
    if(kind = 'slo', short_bad / nullIf(short_calls, 0) / (1 - objective_ratio),
        toFloat64(short_cost + short_unpriced * unpriced_call_usd) / dateDiff('second', short_from, {at:DateTime('UTC')}) / usd_a_second) AS short_burn,
    CAST(kind = 'budget' OR long_calls >= minimum_calls AS Bool) AS enough,
    toUInt8(enough AND ifNull(long_burn > factor AND short_burn > factor, false)) AS firing
FROM
(
    SELECT
        objective, kind, indicator, objective_ratio, minimum_calls, unpriced_call_usd, usd_a_second,
        severity, factor, long_seconds, short_seconds, long_from, short_from,
        sumIf(calls, time >= long_from AND of_long) AS long_calls, sumIf(bad, time >= long_from AND of_long) AS long_bad,
        sumIf(cost_usd, time >= long_from AND of_long) AS long_cost, sumIf(unpriced_calls, time >= long_from AND of_long) AS long_unpriced,
        sumIf(calls, time >= short_from AND of_short) AS short_calls, sumIf(bad, time >= short_from AND of_short) AS short_bad,
        sumIf(cost_usd, time >= short_from AND of_short) AS short_cost, sumIf(unpriced_calls, time >= short_from AND of_short) AS short_unpriced
    FROM
    (
        SELECT rules.*, time, calls, bad, cost_usd, unpriced_calls,
            -- the hours of a long window end with the hour that `at` lies in, from where on its minutes are
            if(long_seconds < @whole_hours_from, NOT whole, whole OR time >= toStartOfHour({at:DateTime('UTC')})) AS of_long,
            if(short_seconds < @whole_hours_from, NOT whole, whole OR time >= toStartOfHour({at:DateTime('UTC')})) AS of_short
        FROM
        (
            SELECT
                objective, version, kind, indicator, objective_ratio, minimum_calls, unpriced_call_usd,
                toFloat64(amount_usd) / dateDiff('second', period_from, period_to) AS usd_a_second,
                window.1 AS severity, window.2 AS factor, window.3 AS long_seconds, window.4 AS short_seconds,
                if(long_seconds < @whole_hours_from, toStartOfMinute({at:DateTime('UTC')} - long_seconds + 59), toStartOfHour({at:DateTime('UTC')} - long_seconds + 3599)) AS long_from,
                if(short_seconds < @whole_hours_from, toStartOfMinute({at:DateTime('UTC')} - short_seconds + 59), toStartOfHour({at:DateTime('UTC')} - short_seconds + 3599)) AS short_from
            FROM spanledger.objective_periods(at={at:DateTime('UTC')})
            ARRAY JOIN @burn_windows AS window
        ) AS rules
        LEFT JOIN
        (
            SELECT objective, version, minute AS time, false AS whole,
                sum(calls) AS calls, sum(bad) AS bad, sum(cost_usd) AS cost_usd, sum(unpriced_calls) AS unpriced_calls
            FROM spanledger.objective_minutes
            WHERE hour >= toStartOfHour({at:DateTime('UTC')} - @longest_window_of_minutes)
              AND minute >= {at:DateTime('UTC')} - @longest_window_of_minutes AND minute < {at:DateTime('UTC')}
            GROUP BY objective, version, time
            UNION ALL
            SELECT objective, version, hour AS time, true AS whole,
                sum(calls) AS calls, sum(bad) AS bad, sum(cost_usd) AS cost_usd, sum(unpriced_calls) AS unpriced_calls
            FROM spanledger.objective_minutes
            WHERE hour >= {at:DateTime('UTC')} - @longest_window AND hour < toStartOfHour({at:DateTime('UTC')})
            GROUP BY objective, version, time
        ) AS sums USING (objective, version)
    )
    GROUP BY ALL
)
