-- How fresh is the ledger, and how far back does it go? One row a project, over all of time.
CREATE OR REPLACE VIEW spanledger.freshness AS
SELECT project, sum(calls_) AS calls, min(hour) AS first_hour, max(hour) AS last_hour, max(last_posted_at_) AS last_posted_at
FROM
(
    SELECT project, hour, sum(calls) AS calls_, max(posted_at) AS last_posted_at_
    FROM spanledger.ledger
    WHERE empty({project:String}) OR project = {project:String}
    GROUP BY project, hour
)
GROUP BY project
