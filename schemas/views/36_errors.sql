-- What failed, how often, since when and until when, over time and by a dimension?
-- `step` as in usage; `by` too, or family, prompt, error_class, error_type. `classes`: error classes kept; empty for all of them.
-- errors: failed calls; those that were reversed count no more. share: of all errors of the row's time. rate: of all calls of the
-- row's time and value; by class and by type, of all calls of its time. error_class: of an error_type; '' where a row has several.
CREATE OR REPLACE VIEW spanledger.errors AS
SELECT
    time, value, if(classes_ = 1, class_, '') AS error_class, errors,
    errors / nullIf(sum(errors) OVER (PARTITION BY time), 0) AS share,
    calls, errors / nullIf(calls, 0) AS rate,
    first_seen, last_seen
FROM
(
    SELECT
        time, value_ AS value,
        uniqExactIf(error_class, failed) AS classes_, anyIf(error_class, failed) AS class_,
        sumIf(calls_, failed) AS errors,
        if({by:String} IN ('error_class', 'error_type'), sum(sum(calls_)) OVER (PARTITION BY time), sum(calls_)) AS calls,
        toDateTime(minIf(first_error_, failed AND calls_ > 0), 'UTC') AS first_seen,
        toDateTime(maxIf(last_error_, failed AND calls_ > 0), 'UTC') AS last_seen
    FROM
    (
        SELECT
            if({step:UInt32} = 0, {from:DateTime('UTC')}, bucket) AS time,
            spanledger_error_class(status::String, error_type::String) AS error_class,
            multiIf({by:String} = 'error_class', error_class, {by:String} = 'error_type', error_type::String, of.value) AS value_,
            status = 'error' AND (empty({classes:Array(String)}) OR has({classes:Array(String)}, error_class)) AS failed,
            calls_, first_error_, last_error_
        FROM
        (
            SELECT @bucket_of_days, @value, @counts @of_whole_days AND @in_days GROUP BY ALL
            UNION ALL
            SELECT @bucket, @value, @counts @of_whole_hours AND (NOT @in_days OR @beside_whole_days) GROUP BY ALL
            UNION ALL
            SELECT @bucket, @value, @counts @of_begun_hours GROUP BY ALL
        ) AS of
    )
    GROUP BY time, value
)
WHERE errors > 0
