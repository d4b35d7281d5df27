-- How many calls were made, and how fast did their output come, over time and by a dimension?
-- `step` as in usage; `by` too, or family, prompt. output_tokens_per_s: tokens put out, over the whole time that the calls took which put
-- out any, the wait for the first token included: it is known of streams and of plain calls alike. NULL where nothing was put out.
CREATE OR REPLACE VIEW spanledger.speed AS
SELECT
    if({step:UInt32} = 0, {from:DateTime('UTC')}, bucket) AS time,
    value,
    sum(calls_) AS calls,
    sum(output_) AS output_tokens,
    output_tokens / nullIf(sum(output_us_) / 1000000, 0) AS output_tokens_per_s
FROM
(
    SELECT @bucket_of_days, @value, @counts @of_whole_days AND @in_days GROUP BY ALL
    UNION ALL
    SELECT @bucket, @value, @counts @of_whole_hours AND (NOT @in_days OR @beside_whole_days) GROUP BY ALL
    UNION ALL
    SELECT @bucket, @value, @counts @of_begun_hours GROUP BY ALL
)
GROUP BY time, value
HAVING calls != 0
