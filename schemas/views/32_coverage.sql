-- How much of the calls and of the tokens has a cost, and of which provenance?
-- One row a cost_status. Shares between 0 and 1: of billable calls, and of tokens; free calls are no part of either (NULL).
CREATE OR REPLACE VIEW spanledger.coverage AS
SELECT
    cost_status,
    sum(calls_) AS calls,
    sum(cost_usd_) AS cost_usd,
    sum(tokens_) AS tokens,
    if(cost_status = 'free', NULL, calls / nullIf(sumIf(calls, cost_status != 'free') OVER (), 0)) AS calls_share,
    if(cost_status = 'free', NULL, tokens / nullIf(sumIf(tokens, cost_status != 'free') OVER (), 0)) AS tokens_share
FROM spanledger.sums(step=0, by='', from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
    @same_filters)
GROUP BY cost_status
HAVING calls != 0
