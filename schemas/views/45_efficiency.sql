-- What do calls make of their tokens and their money, over time and by a dimension?
-- `step` and `by` as in usage. Shares and rates between 0 and 1, money in USD; what is not known is NULL, never 0.
-- fresh_input_tokens are those that were not read from a cache, answer_tokens those of the output that were not reasoning.
-- cost_usd_per_million_tokens is over the tokens whose cost is known; tokens_per_call over all calls.
CREATE OR REPLACE VIEW spanledger.efficiency AS
SELECT
    time, value, calls, cost_usd, cost_usd_per_call, cache_hit_rate,
    tokens, tokens / nullIf(calls, 0) AS tokens_per_call,
    cache_read_tokens, input_tokens - ifNull(cache_read_tokens, 0) AS fresh_input_tokens,
    reasoning_tokens, output_tokens - ifNull(reasoning_tokens, 0) AS answer_tokens,
    reasoning_tokens / nullIf(output_tokens, 0) AS reasoning_share,
    toFloat64(cost_usd) * 1e6 / nullIf(tokens - ifNull(unpriced_tokens, 0), 0) AS cost_usd_per_million_tokens
FROM spanledger.usage(step={step:UInt32}, by={by:String}, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
    @same_filters)
