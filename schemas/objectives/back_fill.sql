-- What had been posted before some objectives were there: counted as `post_objectives` would have, by its query,
-- of the postings whose calls began in a range of Unix seconds, `to` exclusive. `open`: segments that will be posted anew.
INSERT INTO spanledger.objective_minutes (objective, version, project, minute, late, calls, bad, cost_usd, unpriced_calls, segment)
WITH postings AS
(
    SELECT * REPLACE ({segment:UInt64} AS segment)
    FROM spanledger.ledger
    WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC') AND ledger.segment NOT IN {open:Array(UInt64)}
)
SELECT * REPLACE (true AS late)
FROM
(
    @counting
)
