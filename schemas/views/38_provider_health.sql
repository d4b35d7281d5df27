-- How do providers and models do against their own history, and where they do badly, is it us or them?
-- Looks at the whole hours of the range, at most the last 24 of them, against the same hours of each of the 7 days before. Usual is
-- the median of the days that had 20 calls or more; spread, 1.4826 times the median distance from it. A share of errors is raised
-- that has 3 errors or more and lies over the usual by 3 spreads and by a hundredth of calls; a duration, by 3 spreads and half of it.
-- One row a model, and one a provider as a whole (model ''). Shares between 0 and 1, durations (p95) in nanoseconds.
-- reason: failing (errors that the provider answers for), refused (the client's own), limited, slow; '' where nothing is raised.
-- verdict: ok; quiet (fewer than 20 calls); no_history (fewer than 3 such days); them: failing or slow in several services; us: in
-- one alone of several, and whatever is refused or limited; unclear: no second service calls the provider to compare with, or none
-- stands out. A model is one whatever its release.
CREATE OR REPLACE VIEW spanledger.provider_health AS
WITH
    counted AS
    (
        SELECT provider, piece.1 AS part, piece.2 AS name, day, sum(calls_) AS calls, sumIf(calls_, error_class != '') AS errors,
            sumIf(calls_, error_class IN ('provider', 'unknown')) AS failing, sumIf(calls_, error_class = 'client') AS refused,
            sumIf(calls_, error_class = 'rate_limit') AS limited
        FROM
        (
            SELECT provider, model, service_name, intDiv((toUnixTimestamp(toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND)) - toUnixTimestamp(hour) - 1), 86400) AS day,
                spanledger_error_class(status::String, error_type::String) AS error_class, sum(calls) AS calls_
            FROM spanledger.ledger
            WHERE hour >= toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND) - INTERVAL 8 DAY AND hour < toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND) AND @passes_filters
              AND (toUnixTimestamp(toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND)) - toUnixTimestamp(hour) - 1) % 86400 < least(86400, toUnixTimestamp(toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND)) - toUnixTimestamp(toStartOfHour({from:DateTime('UTC')})))
            GROUP BY provider, model, service_name, day, status, error_type
        )
        ARRAY JOIN [('provider', ''), ('model', spanledger_model_family(model)::String), ('service', service_name::String)] AS piece
        GROUP BY provider, part, name, day
        HAVING calls > 0
    ),
    timed AS
    (
        SELECT provider, piece.1 AS part, piece.2 AS name, day,
            quantilesDDIfMerge(0.01, 0.5, 0.95, 0.99)(duration_)[2] AS duration, quantilesDDIfMerge(0.01, 0.5, 0.95, 0.99)(ttft_)[2] AS first_token
        FROM
        (
            SELECT provider, model, service_name, intDiv((toUnixTimestamp(toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND)) - toUnixTimestamp(hour) - 1), 86400) AS day,
                quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(duration_ns, kind = 'charge' AND reason = '') AS duration_,
                quantilesDDIfState(0.01, 0.5, 0.95, 0.99)(ttft_ns, kind = 'charge' AND reason = '') AS ttft_
            FROM spanledger.ledger
            WHERE hour >= toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND) - INTERVAL 8 DAY AND hour < toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND) AND @passes_filters
              AND (toUnixTimestamp(toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND)) - toUnixTimestamp(hour) - 1) % 86400 < least(86400, toUnixTimestamp(toStartOfHour({to:DateTime('UTC')} + INTERVAL 3599 SECOND)) - toUnixTimestamp(toStartOfHour({from:DateTime('UTC')})))
            GROUP BY provider, model, service_name, day
        )
        ARRAY JOIN [('provider', ''), ('model', spanledger_model_family(model)::String), ('service', service_name::String)] AS piece
        GROUP BY provider, part, name, day
    ),
    against_history AS
    (
        SELECT provider, part, name, entry.1 AS measure,
            maxIf(calls, day = 0) AS calls_, maxIf(errors, day = 0) AS errors_,
            maxIf(entry.2, day = 0 AND NOT isNaN(entry.2)) AS now,
            groupArrayIf(entry.2, day > 0 AND calls >= 20 AND NOT isNaN(entry.2)) AS before,
            arrayReduce('medianExact', before) AS usual,
            1.4826 * arrayReduce('medianExact', arrayMap(figure -> abs(figure - usual), before)) AS spread,
            calls_ >= 20 AND length(before) >= 3 AND maxIf(entry.3, day = 0) >= 3
                AND now > usual + greatest(3 * spread, if(measure IN ('duration', 'first_token'), usual / 2, 0.01)) AS raised
        FROM counted LEFT JOIN timed USING (provider, part, name, day)
        ARRAY JOIN [('failing', failing / calls, failing), ('refused', refused / calls, refused), ('limited', limited / calls, limited),
            ('duration', duration, calls), ('first_token', first_token, calls), ('errors', errors / calls, errors)] AS entry
        GROUP BY provider, part, name, measure
    )
SELECT
    provider, model, calls, errors, error_rate, usual_error_rate, failing_rate, usual_failing_rate,
    p95_duration_ns, usual_p95_duration_ns, p95_ttft_ns, usual_p95_ttft_ns, history_days,
    services, failing_services, slow_services,
    multiIf(failing, 'failing', refused, 'refused', limited, 'limited', slow, 'slow', '') AS reason,
    if(reason = 'failing', failing_services, slow_services) AS seen_by,
    multiIf(
        calls < 20, 'quiet',
        history_days < 3, 'no_history',
        reason = '', 'ok',
        reason IN ('refused', 'limited'), 'us',
        length(seen_by) >= 2, 'them',
        length(seen_by) = 1 AND length(services) >= 2, 'us',
        'unclear') AS verdict
FROM
(
    SELECT
        provider, part, name AS model, max(calls_) AS calls, max(errors_) AS errors,
        anyIf(now, measure = 'errors') AS error_rate, anyOrNullIf(usual, measure = 'errors' AND notEmpty(before)) AS usual_error_rate,
        anyIf(now, measure = 'failing') AS failing_rate, anyOrNullIf(usual, measure = 'failing' AND notEmpty(before)) AS usual_failing_rate,
        anyOrNullIf(now, measure = 'duration' AND now > 0) AS p95_duration_ns, anyOrNullIf(usual, measure = 'duration' AND notEmpty(before)) AS usual_p95_duration_ns,
        anyOrNullIf(now, measure = 'first_token' AND now > 0) AS p95_ttft_ns, anyOrNullIf(usual, measure = 'first_token' AND notEmpty(before)) AS usual_p95_ttft_ns,
        maxIf(length(before), measure = 'errors') AS history_days,
        maxIf(raised, measure = 'failing') AS failing, maxIf(raised, measure = 'refused') AS refused, maxIf(raised, measure = 'limited') AS limited,
        maxIf(raised, measure IN ('duration', 'first_token')) AS slow,
        groupArrayIf(name, part = 'service' AND calls >= 20) OVER whole AS services,
        groupArrayIf(name, part = 'service' AND failing) OVER whole AS failing_services,
        groupArrayIf(name, part = 'service' AND slow) OVER whole AS slow_services
    FROM against_history
    GROUP BY provider, part, name
    WINDOW whole AS (PARTITION BY provider)
)
WHERE part != 'service' AND calls > 0
