-- How many calls took how long, over time? One row a bucket of time and a band of duration that has calls.
-- `step` as in usage. A band is an eighth of a decade: from from_ns on, less than to_ns. Calls that were reversed count no more.
CREATE OR REPLACE VIEW spanledger.heatmap AS
SELECT
    if({step:UInt32} = 0, {from:DateTime('UTC')}, bucket) AS time,
    band,
    exp10(band / 8) AS from_ns,
    exp10((band + 1) / 8) AS to_ns,
    sum(calls_) AS calls
FROM spanledger.counts(step={step:UInt32}, by='', from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
    @same_filters)
GROUP BY time, band
HAVING calls != 0
