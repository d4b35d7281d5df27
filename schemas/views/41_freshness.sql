-- How fresh is the ledger, and how far back does it go? One row a project, over all of time.
CREATE OR REPLACE VIEW spanledger.freshness AS
SELECT project, sum(calls) AS calls, min(hour) AS first_hour, max(hour) AS last_hour, max(posted_at) AS last_posted_at
FROM spanledger.ledger
WHERE empty({project:String}) OR project = {project:String}
GROUP BY project
