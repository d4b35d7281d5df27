-- Is somebody to be called because of an objective's burn, at `at`? One row, `firing` 0 or 1: 1 where any pair of windows of
-- this severity (page, ticket) fires. No row where there is no such objective in force: no data. Every alert rule is this question.
CREATE OR REPLACE VIEW spanledger.alert_rule AS
SELECT max(firing) AS firing
FROM spanledger.objective_windows(at={at:DateTime('UTC')})
WHERE objective = {objective:String} AND severity = {severity:String}
HAVING count() > 0
