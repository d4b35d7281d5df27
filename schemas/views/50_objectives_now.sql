-- Which SLOs and budgets are in force?
CREATE OR REPLACE VIEW spanledger.objectives_now AS
SELECT *
FROM
(
    SELECT *
    FROM spanledger.objectives
    ORDER BY segment DESC
    LIMIT 1 BY objective, project
)
WHERE NOT removed
