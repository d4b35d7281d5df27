-- Which period of each objective does `at` lie in?
CREATE OR REPLACE VIEW spanledger.objective_periods AS
SELECT *,
    spanledger_period_from({at:DateTime('UTC')}, period, time_zone) AS period_from,
    spanledger_period_to({at:DateTime('UTC')}, period, time_zone) AS period_to
FROM spanledger.objectives_now
