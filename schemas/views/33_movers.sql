-- Whose spend changed most against the period before, which is as long and ends where this one begins?
-- `by` as in usage. USD; change_ratio is change over what was before (0.5: half as much again), NULL where before was nothing.
-- A value that is in one period only counts as 0 in the other; one whose cost is unknown in a period has an unknown change.
CREATE OR REPLACE VIEW spanledger.movers AS
SELECT
    value,
    sumIf(calls, now) AS calls_now,
    sumIf(calls, NOT now) AS calls_before,
    if(calls_now = 0, 0, sumIf(cost_usd, now)) AS cost_usd_now,
    if(calls_before = 0, 0, sumIf(cost_usd, NOT now)) AS cost_usd_before,
    cost_usd_now - cost_usd_before AS change_usd,
    toFloat64(change_usd) / nullIf(toFloat64(cost_usd_before), 0) AS change_ratio
FROM
(
    SELECT value, calls, cost_usd, true AS now
    FROM spanledger.usage(step=0, by={by:String}, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
        @same_filters)
    UNION ALL
    SELECT value, calls, cost_usd, false AS now
    FROM spanledger.usage(step=0, by={by:String}, from={from:DateTime('UTC')} - ({to:DateTime('UTC')} - {from:DateTime('UTC')}), to={from:DateTime('UTC')},
        @same_filters)
)
GROUP BY value
