-- The rollups once more by the day, for ranges of weeks: a twenty-fourth of the rows of those by the hour (tables/020, 021). The day is
-- an interval, for the engine rewrites a condition on toStartOfDay(hour) into one on the hour, which these have not.
ALTER TABLE spanledger.ledger
    DROP PROJECTION IF EXISTS latency_by_hour,
    ADD PROJECTION IF NOT EXISTS spend_by_day
    (
        SELECT
            project, toStartOfInterval(hour, toIntervalDay(1)), environment, service_name, provider, model, team, feature, cost_status, status, reports_cache,
            sum(calls), sum(input_uncached), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_in),
            sum(output_text), sum(reasoning), sum(audio_out), sum(cost_usd),
            min(hour), max(hour), max(posted_at)  -- how fresh the ledger is
        GROUP BY project, toStartOfInterval(hour, toIntervalDay(1)), environment, service_name, provider, model, team, feature, cost_status, status, reports_cache
    ),
    ADD PROJECTION IF NOT EXISTS spend_by_customer_and_day
    (
        SELECT
            project, toStartOfInterval(hour, toIntervalDay(1)), environment, customer, cost_status, status, reports_cache,
            sum(calls), sum(input_uncached), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_in),
            sum(output_text), sum(reasoning), sum(audio_out), sum(cost_usd)
        GROUP BY project, toStartOfInterval(hour, toIntervalDay(1)), environment, customer, cost_status, status, reports_cache
    ),
    ADD PROJECTION IF NOT EXISTS calls_by_day
    (
        SELECT
            project, toStartOfInterval(hour, toIntervalDay(1)), environment, service_name, provider, model, prompt_name, prompt_version, status, error_type,
            toUInt8(floor(log10(greatest(duration_ns, 1)) * 8)),
            sum(calls),
            minIf(timestamp, status = 'error'), maxIf(timestamp, status = 'error'),
            sum(ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0)),
            sumIf(calls * toInt64(intDiv(duration_ns, 1000)), ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0) != 0)
        GROUP BY
            project, toStartOfInterval(hour, toIntervalDay(1)), environment, service_name, provider, model, prompt_name, prompt_version, status, error_type,
            toUInt8(floor(log10(greatest(duration_ns, 1)) * 8))
    ),
    -- Of durations those by the hour too, in place of latency_by_hour (tables/020): to read a state takes 2 microseconds or more, and a
    -- granule is read whole, so that granules of 16,384 states took longer than all else that a page reads of a day.
    ADD PROJECTION IF NOT EXISTS durations_by_day
    (
        SELECT
            project, toStartOfInterval(hour, toIntervalDay(1)), environment, service_name, provider, model,
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(duration_ns, kind = 'charge' AND reason = ''),
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(ttft_ns, kind = 'charge' AND reason = '')
        GROUP BY project, toStartOfInterval(hour, toIntervalDay(1)), environment, service_name, provider, model
    ) WITH SETTINGS (index_granularity = 512),
    ADD PROJECTION IF NOT EXISTS durations_by_hour
    (
        SELECT
            project, hour, environment, service_name, provider, model,
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(duration_ns, kind = 'charge' AND reason = ''),
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(ttft_ns, kind = 'charge' AND reason = '')
        GROUP BY project, hour, environment, service_name, provider, model
    ) WITH SETTINGS (index_granularity = 512)
