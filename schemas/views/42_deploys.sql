-- When did a service first run a version, or a prompt? One row a service.version and a prompt version that a call in the range
-- is the first of: none in the 30 days before had it. `what` is 'version' or 'prompt', `name` the prompt's; a service that is
-- new altogether counts too. Versions are read from spans, and so known for as long as spans are kept.
CREATE OR REPLACE VIEW spanledger.deploys AS
SELECT min(first) AS time, what, project, environment, service, name, version
FROM
(
    SELECT first, 'version' AS what, project::String AS project, environment::String AS environment, service_name::String AS service, '' AS name,
        spanledger_attribute_text(arrayFirst(a -> a.key = 'service.version', CAST(resource AS @ResourceText).attributes).value) AS version
    FROM
    (
        SELECT min(timestamp) AS first, project, environment, service_name, resource
        FROM spanledger.spans
        WHERE timestamp >= {from:DateTime('UTC')} - INTERVAL 30 DAY AND timestamp < {to:DateTime('UTC')}
        GROUP BY project, environment, service_name, resource
    )
    UNION ALL
    SELECT min(timestamp), 'prompt', project::String, environment::String, service_name::String, prompt_name::String, prompt_version::String
    FROM spanledger.ledger
    WHERE hour >= toStartOfHour({from:DateTime('UTC')}) - INTERVAL 30 DAY AND hour < {to:DateTime('UTC')}
        AND timestamp >= {from:DateTime('UTC')} - INTERVAL 30 DAY AND timestamp < {to:DateTime('UTC')}
    GROUP BY project, environment, service_name, prompt_name, prompt_version
)
WHERE version != ''
  AND (empty({project:String}) OR project = {project:String})
  AND (empty({environments:Array(String)}) OR has({environments:Array(String)}, environment))
  AND (empty({services:Array(String)}) OR has({services:Array(String)}, service))
GROUP BY what, project, environment, service, name, version
HAVING time >= {from:DateTime('UTC')}
