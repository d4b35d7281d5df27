-- What do postings add to the objectives? Runs behind the ledger, so that corrections reach budgets; it is there only where there
-- are objectives, and is made of them: its lists hold an expression an objective (objectives.py).
-- Worked out for all objectives of a row at once, and told apart after they are summed up.
CREATE MATERIALIZED VIEW spanledger.post_objectives TO spanledger.objective_minutes AS
SELECT
    @objectives[slot] AS objective, @versions[slot] AS version, @projects[slot] AS project, minute, late,
    counted_[slot] AS calls, bad_[slot] AS bad, spent_[slot] AS cost_usd, unpriced_[slot] AS unpriced_calls, segment
FROM
(
    SELECT
        toStartOfMinute(timestamp) AS minute, NOT first OR posted_at > timestamp + INTERVAL 15 MINUTE AS late, segment,
        sumForEach(@counted) AS counted_, sumForEach(@bad) AS bad_, sumForEach(@spent) AS spent_, sumForEach(@unpriced) AS unpriced_
    FROM
    (
        SELECT *, kind = 'charge' AND reason = '' AS first, spanledger_error_class(status, error_type) AS class
        FROM @postings
    )
    GROUP BY minute, late, segment
)
ARRAY JOIN arrayEnumerate(@objectives) AS slot
WHERE calls != 0 OR cost_usd != 0 OR unpriced_calls != 0
