-- Which postings lie in a range of time and pass the filters? Every other view reads the ledger through this one.
-- `from` is inside the range, `to` is not; both count to the minute. An empty filter lets everything pass.
-- The range falls in two: with whole = 1 come the hours that lie wholly in it, for which the ledger's rollups answer, with
-- whole = 0 the begun hours at its ends. A reader takes both. Every condition on a parameter alone is folded away before
-- a rollup is chosen, so that a filter that is not used does not cost one.
CREATE OR REPLACE VIEW spanledger.postings AS
WITH
    toStartOfHour({from:DateTime('UTC')} + INTERVAL 3599 SECOND) AS first_whole_hour,
    toStartOfHour({to:DateTime('UTC')}) AS after_whole_hours
SELECT *, hour, minute
FROM spanledger.ledger
WHERE hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')}
  AND (({whole:Bool} AND hour >= first_whole_hour AND hour < after_whole_hours)
    OR (NOT {whole:Bool} AND (hour < first_whole_hour OR hour >= after_whole_hours)
        AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}))
  AND @passes_filters
