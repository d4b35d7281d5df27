-- Every call is posted, failed and free ones too; wrappers that repeat a call's usage are not calls.
CREATE MATERIALIZED VIEW spanledger.post_ledger TO spanledger.ledger AS
SELECT
    fromUnixTimestamp64Nano(toInt64(origin.received_at), 'UTC') AS posted_at,
    toStartOfMonth(timestamp) AS period,
    'charge' AS kind, '' AS reason, 0 AS refers_to,
    origin.project AS project, timestamp, span.trace_id AS trace_id, span.span_id AS span_id, checked.operation AS operation, provider, model,
    resource.service_name AS service_name, resource.environment AS environment, named.team AS team, named.feature AS feature,
    named.customer AS customer, named.user_id AS user_id, named.session_id AS session_id,
    named.prompt_name AS prompt_name, named.prompt_version AS prompt_version, named.service_tier AS service_tier,
    1 AS calls,
    if(has_usage, buckets[1], NULL) AS input_uncached,
    if(has_usage, buckets[2], NULL) AS cache_read,
    if(has_usage, buckets[3], NULL) AS cache_write_5m,
    if(has_usage, buckets[4], NULL) AS cache_write_1h,
    if(has_usage, buckets[5], NULL) AS audio_in,
    if(has_usage, buckets[6], NULL) AS output_text,
    if(has_usage, buckets[7], NULL) AS reasoning,
    if(has_usage, buckets[8], NULL) AS audio_out,
    isNotNull(checked.counts[3]) AS reports_cache, notEmpty(usage_flags) AS usage_flagged,
    cost_usd, cost_status, price_id, price_version, checked.duration_ns AS duration_ns, checked.ttft_ns AS ttft_ns,
    checked.status AS status, checked.error_type AS error_type, origin.segment AS segment
FROM spanledger.spans_in
WHERE refusal = '' AND billing_owner  -- not `reason`: a name of the SELECT comes before the table's
