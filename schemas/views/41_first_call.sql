-- Since when is this called? The minute of the first call that passes the filters, over all of time; NULL where there is none.
-- The day is found in a rollup, and the minute among the rows of that day.
CREATE OR REPLACE VIEW spanledger.first_call AS
WITH
(
    SELECT minOrNull(day)
    FROM
    (
        SELECT toStartOfInterval(hour, toIntervalDay(1)) AS day
        FROM spanledger.ledger
        WHERE @passes_filters
        GROUP BY day
    )
) AS first_day
SELECT minOrNull(minute) AS first_call_at
FROM spanledger.ledger
WHERE hour >= first_day AND hour < first_day + INTERVAL 1 DAY AND @passes_filters
