-- Every call is posted, failed and free ones too; wrappers that repeat a call's usage are not calls.
CREATE MATERIALIZED VIEW spanledger.post_ledger TO spanledger.ledger AS
SELECT
    fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS posted_at,
    toStartOfMonth(timestamp) AS period,
    'charge' AS kind, '' AS reason, 0 AS refers_to,
    project, timestamp, trace_id, span_id, operation, provider, model, service_name, environment,
    team, feature, customer, user_id, session_id, prompt_name, prompt_version, service_tier,
    1 AS calls,
    input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out,
    isNotNull(cache_read_tokens) AS reports_cache,
    cost_usd, cost_status, price_id, price_version, duration_ns, ttft_ns, status, error_type, segment
FROM spanledger.spans_in
WHERE reason = '' AND billing_owner
