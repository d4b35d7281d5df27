-- How much of the calls and of the tokens has a cost, and of which provenance?
-- One row a cost_status. Shares between 0 and 1: of billable calls, and of tokens; free calls are no part of either (NULL).
CREATE OR REPLACE VIEW spanledger.coverage AS
SELECT
    cost_status,
    sum(calls_) AS calls,
    sum(cost_usd_) AS cost_usd,
    sum(arrayReduce('sum', [@input_of_sums, @output_of_sums])) AS tokens,
    if(cost_status = 'free', NULL, calls / nullIf(sumIf(calls, cost_status != 'free') OVER (), 0)) AS calls_share,
    if(cost_status = 'free', NULL, tokens / nullIf(sumIf(tokens, cost_status != 'free') OVER (), 0)) AS tokens_share
FROM
(
    SELECT @sums @of_whole_days GROUP BY ALL
    UNION ALL
    SELECT @sums @of_whole_hours AND @beside_whole_days GROUP BY ALL
    UNION ALL
    SELECT @sums @of_begun_hours GROUP BY ALL
)
GROUP BY cost_status
HAVING calls != 0
