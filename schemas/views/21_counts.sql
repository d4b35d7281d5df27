-- How many calls went how, by time and one dimension: their status, their error and the band of their duration (tables/021)?
-- `step` and `by` as in sums, and `by` may also be family (a model whatever its
-- release) or prompt (name and version). Reversals take away what they reverse. Whole hours
-- and begun ones come as rows of their own. output_: tokens put out; output_us_: microseconds that the calls took that put out any.
CREATE OR REPLACE VIEW spanledger.counts AS
SELECT *
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
        status, error_type, toUInt8(floor(log10(greatest(duration_ns, 1)) * 8)) AS band,
        sum(calls) AS calls_,
        minIf(timestamp, status = 'error') AS first_error_, maxIf(timestamp, status = 'error') AS last_error_,
        sum(ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0)) AS output_,
        sumIf(calls * toInt64(intDiv(duration_ns, 1000)), ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0) != 0) AS output_us_
    FROM spanledger.postings(whole=1, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
        @same_filters)
    GROUP BY bucket, value, status, error_type, band
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
        status, error_type, toUInt8(floor(log10(greatest(duration_ns, 1)) * 8)) AS band,
        sum(calls) AS calls_,
        minIf(timestamp, status = 'error') AS first_error_, maxIf(timestamp, status = 'error') AS last_error_,
        sum(ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0)) AS output_,
        sumIf(calls * toInt64(intDiv(duration_ns, 1000)), ifNull(output_text, 0) + ifNull(reasoning, 0) + ifNull(audio_out, 0) != 0) AS output_us_
    FROM spanledger.postings(whole=0, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
        @same_filters)
    GROUP BY bucket, value, status, error_type, band
)
