-- What is there to filter by? Every value that a dimension has in the hours of the range, and how many calls had it.
CREATE OR REPLACE VIEW spanledger.dimension_values AS
SELECT dimension_and_value.1 AS dimension, dimension_and_value.2 AS value, sum(calls) AS calls
FROM
(
    SELECT arrayJoin([('environment', environment::String), ('service', service_name::String), ('provider', provider::String),
        ('model', model::String), ('team', team::String), ('feature', feature::String)]) AS dimension_and_value, sum(calls) AS calls
    FROM spanledger.ledger
    WHERE hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')} AND (empty({project:String}) OR project = {project:String})
    GROUP BY environment, service_name, provider, model, team, feature
    UNION ALL
    SELECT ('customer', customer::String) AS dimension_and_value, sum(calls) AS calls
    FROM spanledger.ledger
    WHERE hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')} AND (empty({project:String}) OR project = {project:String})
    GROUP BY customer
)
WHERE value != ''
GROUP BY dimension, value
