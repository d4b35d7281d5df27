-- What do the postings sum to, by time and one dimension, split by the three columns that metrics are told apart by?
-- `step`: width of a bucket in seconds, 0 for one bucket. `by`: environment, service, provider, model, team, feature or
-- customer, or empty for no dimension. A sum is NULL where no posting knew its figure. Whole hours and begun ones come as
-- rows of their own. (Nested or multi-way conditions would not be folded away; a concat of simple ones is.)
CREATE OR REPLACE VIEW spanledger.sums AS
SELECT *,
    arrayReduce('sum', [input_uncached_, cache_read_, cache_write_5m_, cache_write_1h_, audio_in_]) AS input_,
    arrayReduce('sum', [output_text_, reasoning_, audio_out_]) AS output_,
    arrayReduce('sum', [input_, output_]) AS tokens_
FROM
(
    SELECT
        toStartOfInterval(if({step:UInt32} % 3600 = 0, hour, minute), toIntervalSecond(if({step:UInt32} = 0, 4294967295, {step:UInt32}))) AS bucket,
        concat(
            if({by:String} = 'environment', environment::String, ''), if({by:String} = 'service', service_name::String, ''),
            if({by:String} = 'provider', provider::String, ''), if({by:String} = 'model', model::String, ''),
            if({by:String} = 'team', team::String, ''), if({by:String} = 'feature', feature::String, ''),
            if({by:String} = 'customer', customer::String, '')) AS value,
        cost_status, status, reports_cache,
        sum(calls) AS calls_, sum(cost_usd) AS cost_usd_, sum(input_uncached) AS input_uncached_, sum(cache_read) AS cache_read_,
        sum(cache_write_5m) AS cache_write_5m_, sum(cache_write_1h) AS cache_write_1h_, sum(audio_in) AS audio_in_,
        sum(output_text) AS output_text_, sum(reasoning) AS reasoning_, sum(audio_out) AS audio_out_
    FROM spanledger.postings(whole=1, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
        @same_filters)
    GROUP BY bucket, value, cost_status, status, reports_cache
    UNION ALL
    SELECT
        toStartOfInterval(if({step:UInt32} % 3600 = 0, hour, minute), toIntervalSecond(if({step:UInt32} = 0, 4294967295, {step:UInt32}))) AS bucket,
        concat(
            if({by:String} = 'environment', environment::String, ''), if({by:String} = 'service', service_name::String, ''),
            if({by:String} = 'provider', provider::String, ''), if({by:String} = 'model', model::String, ''),
            if({by:String} = 'team', team::String, ''), if({by:String} = 'feature', feature::String, ''),
            if({by:String} = 'customer', customer::String, '')) AS value,
        cost_status, status, reports_cache,
        sum(calls) AS calls_, sum(cost_usd) AS cost_usd_, sum(input_uncached) AS input_uncached_, sum(cache_read) AS cache_read_,
        sum(cache_write_5m) AS cache_write_5m_, sum(cache_write_1h) AS cache_write_1h_, sum(audio_in) AS audio_in_,
        sum(output_text) AS output_text_, sum(reasoning) AS reasoning_, sum(audio_out) AS audio_out_
    FROM spanledger.postings(whole=0, from={from:DateTime('UTC')}, to={to:DateTime('UTC')},
        @same_filters)
    GROUP BY bucket, value, cost_status, status, reports_cache
)
