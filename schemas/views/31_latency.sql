-- How long did calls take, and how long to their first token, over time and by a dimension?
-- `step` as in usage; `by` too, or family (a model whatever its release), or prompt: its
-- name and version, which no rollup of durations has. Nanoseconds, within 1 % of the
-- true value (quantilesDD); NULL where no call was timed, as calls that do not stream have no first token. First charges only: a
-- correction is not another call.
CREATE OR REPLACE VIEW spanledger.latency AS
SELECT
    time,
    value,
    if(isNaN(durations[1]), NULL, durations[1]) AS p50_duration_ns,
    if(isNaN(durations[2]), NULL, durations[2]) AS p95_duration_ns,
    if(isNaN(durations[3]), NULL, durations[3]) AS p99_duration_ns,
    if(isNaN(ttfts[1]), NULL, ttfts[1]) AS p50_ttft_ns,
    if(isNaN(ttfts[2]), NULL, ttfts[2]) AS p95_ttft_ns,
    if(isNaN(ttfts[3]), NULL, ttfts[3]) AS p99_ttft_ns
FROM
(
    SELECT
        if({step:UInt32} = 0, {from:DateTime('UTC')}, bucket) AS time,
        value,
        quantilesDDIfMerge(0.01, 0.5, 0.95, 0.99)(duration) AS durations,
        quantilesDDIfMerge(0.01, 0.5, 0.95, 0.99)(ttft) AS ttfts
    FROM
    (
        SELECT
            toStartOfInterval(if({step:UInt32} % 3600 = 0, hour, minute), toIntervalSecond(if({step:UInt32} = 0, 4294967295, {step:UInt32}))) AS bucket,
            concat(
                if({by:String} = 'environment', environment::String, ''), if({by:String} = 'service', service_name::String, ''),
                if({by:String} = 'provider', provider::String, ''), if({by:String} = 'model', model::String, ''),
                if({by:String} = 'team', team::String, ''), if({by:String} = 'feature', feature::String, ''),
                if({by:String} = 'customer', customer::String, ''),
                if({by:String} = 'family', spanledger_model_family(model)::String, ''),
            if({by:String} = 'prompt', concat(prompt_name::String, if(prompt_version = '', '', ' '), prompt_version::String), '')) AS value,
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(duration_ns, kind = 'charge' AND reason = '') AS duration,
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(ttft_ns, kind = 'charge' AND reason = '') AS ttft
        FROM spanledger.postings(whole=1, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
            @same_filters)
        GROUP BY bucket, value
        UNION ALL
        SELECT
            toStartOfInterval(if({step:UInt32} % 3600 = 0, hour, minute), toIntervalSecond(if({step:UInt32} = 0, 4294967295, {step:UInt32}))) AS bucket,
            concat(
                if({by:String} = 'environment', environment::String, ''), if({by:String} = 'service', service_name::String, ''),
                if({by:String} = 'provider', provider::String, ''), if({by:String} = 'model', model::String, ''),
                if({by:String} = 'team', team::String, ''), if({by:String} = 'feature', feature::String, ''),
                if({by:String} = 'customer', customer::String, ''),
                if({by:String} = 'family', spanledger_model_family(model)::String, ''),
            if({by:String} = 'prompt', concat(prompt_name::String, if(prompt_version = '', '', ' '), prompt_version::String), '')) AS value,
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(duration_ns, kind = 'charge' AND reason = '') AS duration,
            quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(ttft_ns, kind = 'charge' AND reason = '') AS ttft
        FROM spanledger.postings(whole=0, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
            @same_filters)
        GROUP BY bucket, value
    )
    GROUP BY time, value
)
