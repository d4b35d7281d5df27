-- How calls went, by the hour: the rollup of errors, of durations by band, and of output speed. It lives in the ledger beside the
-- others. A band is an eighth of a decade: band b holds durations from 10^(b/8) ns on, less than 10^((b+1)/8) ns.
ALTER TABLE spanledger.ledger ADD PROJECTION IF NOT EXISTS calls_by_hour
(
    SELECT
        project, hour, environment, service_name, provider, model, prompt_name, prompt_version, status, error_type,
        toUInt8(floor(log10(greatest(duration_ns, 1)) * 8)),
        sum(calls),
        minIf(timestamp, status = 'error'), maxIf(timestamp, status = 'error'),
        sum(ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0)),
        -- microseconds, so that the sum has room; of calls that put out something
        sumIf(calls * toInt64(intDiv(duration_ns, 1000)), ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0) != 0)
    GROUP BY
        project, hour, environment, service_name, provider, model, prompt_name, prompt_version, status, error_type,
        toUInt8(floor(log10(greatest(duration_ns, 1)) * 8))
)
