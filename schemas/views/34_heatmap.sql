-- How many calls took how long, over time? One row a bucket of time and a band of duration that has calls.
-- `step` as in usage. A band is an eighth of a decade: from from_ns on, less than to_ns. Calls that were reversed count no more.
CREATE OR REPLACE VIEW spanledger.heatmap AS
SELECT
    if({step:UInt32} = 0, {from:DateTime('UTC')}, bucket) AS time,
    band,
    exp10(band / 8) AS from_ns,
    exp10((band + 1) / 8) AS to_ns,
    sum(calls_) AS calls
FROM
(
    SELECT @bucket_of_days, @counts @of_whole_days AND @in_days GROUP BY ALL
    UNION ALL
    SELECT @bucket, @counts @of_whole_hours AND (NOT @in_days OR @beside_whole_days) GROUP BY ALL
    UNION ALL
    SELECT @bucket, @counts @of_begun_hours GROUP BY ALL
)
GROUP BY time, band
HAVING calls != 0
