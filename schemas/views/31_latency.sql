-- How long did calls take, and how long to their first token, over time and by a dimension?
-- `step` as in usage; `by` too, or family (a model whatever its release), or prompt: its
-- name and version, which no rollup of durations has. Nanoseconds, within 1 % of the
-- true value (quantilesDD); NULL where no call was timed, as calls that do not stream have no first token. First charges only: a
-- correction is not another call.
CREATE OR REPLACE VIEW spanledger.latency AS
SELECT
    time,
    value,
    if(isNaN(durations[1]), NULL, durations[1]) AS p50_duration_ns,
    if(isNaN(durations[2]), NULL, durations[2]) AS p95_duration_ns,
    if(isNaN(durations[3]), NULL, durations[3]) AS p99_duration_ns,
    if(isNaN(ttfts[1]), NULL, ttfts[1]) AS p50_ttft_ns,
    if(isNaN(ttfts[2]), NULL, ttfts[2]) AS p95_ttft_ns,
    if(isNaN(ttfts[3]), NULL, ttfts[3]) AS p99_ttft_ns
FROM
(
    SELECT
        if({step:UInt32} = 0, {from:DateTime('UTC')}, bucket) AS time,
        value,
        quantilesDDIfMerge(0.01, 0.5, 0.95, 0.99)(duration) AS durations,
        quantilesDDIfMerge(0.01, 0.5, 0.95, 0.99)(ttft) AS ttfts
    FROM
    (
        SELECT @bucket_of_days, @value, @durations @of_whole_days AND @in_days GROUP BY ALL
        UNION ALL
        SELECT @bucket, @value, @durations @of_whole_hours AND (NOT @in_days OR @beside_whole_days) GROUP BY ALL
        UNION ALL
        SELECT @bucket, @value, @durations @of_begun_hours GROUP BY ALL
    )
    GROUP BY time, value
)
