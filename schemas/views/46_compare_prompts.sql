-- Is one version of a prompt better than another? A row a version of `prompt_name` that was called in the range. Of spans that own a bill:
-- for as long as spans are kept. Shares between 0 and 1, of the calls; truncated: the answer ended at the limit of tokens.
-- Money as the ledger has it, corrections and all. Durations in nanoseconds, exact; cost_usd_per_call over the calls whose cost is known;
-- NULL where nothing is known.
CREATE OR REPLACE VIEW spanledger.compare_prompts AS
SELECT
    version, @net_calls, first_at, last_at, errors, error_rate, truncated, truncated_share,
    @net_cost,
    toUInt64(greatest(posted_costed_calls + costed_calls_, 0)) AS costed_calls, cost_usd / nullIf(costed_calls, 0) AS cost_usd_per_call,
    input_tokens_per_call, output_tokens_per_call, durations, p50_duration_ns, p95_duration_ns, p99_duration_ns, streamed_calls, p50_ttft_ns, models
FROM
(
    SELECT
        prompt_version::String AS version, count() AS posted_calls, min(spans.timestamp) AS first_at, max(spans.timestamp) AS last_at,
        countIf(status = 'error') AS errors, errors / posted_calls AS error_rate,
        countIf(finish_reason = 'length') AS truncated, truncated / nullIf(countIf(finish_reason != ''), 0) AS truncated_share,
        sum(cost_usd) AS posted_cost_usd, count(cost_usd) AS posted_costed_calls,
        avg(input_tokens) AS input_tokens_per_call, avg(output_tokens) AS output_tokens_per_call,
        quantilesExact(0.5, 0.95, 0.99)(duration_ns) AS durations, durations[1] AS p50_duration_ns, durations[2] AS p95_duration_ns, durations[3] AS p99_duration_ns,
        countIf(isNotNull(ttft_ns)) AS streamed_calls, quantileExact(0.5)(ttft_ns) AS p50_ttft_ns,
        arraySort(groupUniqArray(model::String)) AS models
    FROM spanledger.spans AS spans
    WHERE timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')} AND received_at >= {from:DateTime('UTC')} - INTERVAL @future_hours HOUR
      AND billing_owner AND prompt_name = {prompt_name:String}
      AND @passes_filters
    GROUP BY version
) AS posted
LEFT JOIN
(
    SELECT prompt_version::String AS version, @corrections_within
      AND prompt_name = {prompt_name:String}
      AND @passes_filters
    GROUP BY version
) AS corrected USING (version)
ORDER BY last_at DESC, version
