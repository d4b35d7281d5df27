-- What did each service send, and did all of it arrive? One row a service that exports with our SDK's stamps.
-- `missing`: exports whose number was skipped between the first and the last that arrived of their process; `dropped`: spans that the
-- SDK had to drop, by its own count, in the range and before. Requests without stamps are a row with an empty service.
CREATE OR REPLACE VIEW spanledger.arrivals AS
SELECT project, service, sum(exports) AS exports, sum(spans) AS spans, sum(missing) AS missing, sum(dropped) AS dropped, max(last) AS last_received_at
FROM
(
    SELECT
        project::String AS project, export.service_name AS service, export.process AS process,
        count() AS exports, sum(export.spans) AS spans, max(received_at) AS last,
        if(process = '', 0, max(export.sequence) - min(export.sequence) + 1 - uniqExact(export.sequence)) AS missing,
        max(export.dropped) AS dropped
    FROM spanledger.deliveries
    ARRAY JOIN exports AS export
    WHERE received_at >= {from:DateTime('UTC')} AND received_at < {to:DateTime('UTC')}
      AND (empty({project:String}) OR project = {project:String})
    GROUP BY project, service, process
)
GROUP BY project, service
