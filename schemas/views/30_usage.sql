-- How much was called, used and spent, over time and by a dimension, and how much of it is known?
-- `step`: width of a bucket in seconds (multiples of 3600 are read from a rollup), 0 for one row of the whole range.
-- `by`: environment, service, provider, model, team, feature, customer, or empty for no dimension.
-- Money in USD, shares and rates between 0 and 1. What is not known is NULL, never 0. Billable calls are all but free ones.
-- cost_usd_per_call is over the calls whose cost is known. Figures first, ratios of them outside: planned in one SELECT,
-- each alias would be spelled out again in the next.
CREATE OR REPLACE VIEW spanledger.usage AS
SELECT
    time, value,
    calls, errors, errors / nullIf(calls, 0) AS error_rate,
    cost_usd,
    toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER (PARTITION BY time)), 0) AS cost_share,
    cost_usd / nullIf(costed_calls, 0) AS cost_usd_per_call,
    billable_calls, priced_calls, reported_calls, estimated_calls, partial_calls, unpriced_calls,
    priced_calls / nullIf(billable_calls, 0) AS priced_share,
    unpriced_calls / nullIf(billable_calls, 0) AS unpriced_share,
    input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, tokens,
    unpriced_tokens,
    unpriced_tokens / nullIf(tokens, 0) AS unpriced_tokens_share,
    reported_cache_read / nullIf(reported_input, 0) AS cache_hit_rate
FROM
(
    WITH @input_of_sums AS input_, @output_of_sums AS output_, arrayReduce('sum', [input_, output_]) AS tokens_
    SELECT
        if({step:UInt32} = 0, {from:DateTime('UTC')}, bucket) AS time, value,
        sum(calls_) AS calls, sum(cost_usd_) AS known_cost,
        sumIf(calls_, status = 'error') AS errors,
        sumIf(calls_, cost_status != 'free') AS billable_calls,
        sumIf(calls_, cost_status = 'priced') AS priced_calls,
        sumIf(calls_, cost_status = 'reported') AS reported_calls,
        sumIf(calls_, cost_status = 'estimated') AS estimated_calls,
        sumIf(calls_, cost_status = 'partial') AS partial_calls,
        sumIf(calls_, cost_status = 'unpriced') AS unpriced_calls,
        billable_calls - unpriced_calls AS costed_calls,
        -- where every billable call is unpriced, what was spent is not known: free calls beside them must not make it $0
        if(billable_calls > 0 AND costed_calls = 0, NULL, known_cost) AS cost_usd,
        sum(input_) AS input_tokens, sum(output_) AS output_tokens, sum(cache_read_) AS cache_read_tokens,
        sum(reasoning_) AS reasoning_tokens, sum(tokens_) AS tokens,
        if(unpriced_calls = 0, 0, sumIf(tokens_, cost_status = 'unpriced')) AS unpriced_tokens,
        sumIf(cache_read_, reports_cache) AS reported_cache_read, sumIf(input_, reports_cache) AS reported_input
    FROM
    (
        SELECT @bucket_of_days, @value, @sums @of_whole_days AND @in_days GROUP BY ALL
        UNION ALL
        SELECT @bucket, @value, @sums @of_whole_hours AND (NOT @in_days OR @beside_whole_days) GROUP BY ALL
        UNION ALL
        SELECT @bucket, @value, @sums @of_begun_hours GROUP BY ALL
    )
    GROUP BY time, value
    HAVING calls != 0 OR known_cost != 0
)
