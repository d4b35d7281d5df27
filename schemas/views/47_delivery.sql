-- Was all that was emitted also stored? In all, or by service or process (`by`). Of the spans that the processes with our SDK's stamps
-- `emitted`: `stored` (of them `rejected`, kept apart with a reason; by process NULL), `dropped` by the SDK by its own count, `lost` on the
-- way, and `vanished`: still queued when the process was last heard of, more than ten minutes ago and without a farewell. What is left is
-- on its way. `coverage`: stored of what is not on its way, between 0 and 1. `unstamped`: spans of other exporters, of which nobody knows
-- how many there should be.
CREATE OR REPLACE VIEW spanledger.delivery AS
WITH least({to:DateTime('UTC')}, now()) AS until
SELECT
    value, any(service_) AS service, sum(emitted_) AS emitted, sum(stored_) AS stored, sum(dropped_) AS dropped,
    greatest(sum(lost_), 0) AS lost, sum(vanished_) AS vanished,
    if({by:String} = 'process', NULL, sum(rejected_)) AS rejected, sum(unstamped_) AS unstamped,
    sum(missing_) AS missing_requests, sum(requests_) AS requests, uniqExactIf(process, process != '') AS processes, countIf(process != '' AND NOT ended_) AS unended,
    min(started_) AS started_at, max(last_) AS last_received_at,
    stored / nullIf(stored + dropped + lost + vanished, 0) AS coverage
FROM
(
    SELECT
        process, any(service) AS service_, sum(emitted) AS emitted_, sum(spans) AS stored_, sum(dropped) AS dropped_, sum(lost) AS lost_,
        sum(missing) AS missing_, count() AS requests_, toNullable(min(started)) AS started_, toNullable(max(received_at)) AS last_, max(final) AS ended_,
        if(NOT ended_ AND max(received_at) < until - INTERVAL 10 MINUTE, greatest(argMax(waiting, sequence), 0), 0) AS vanished_,
        0 AS rejected_, 0 AS unstamped_
    FROM spanledger.delivery_steps(project={project:String}, from={from:DateTime('UTC')}, to={to:DateTime('UTC')})
    WHERE received_at >= {from:DateTime('UTC')} AND received_at < {to:DateTime('UTC')}
    GROUP BY project, process
    UNION ALL
    SELECT '', export.service_name, 0, 0, 0, 0, 0, count(), NULL, max(received_at), true, 0, 0, sum(export.spans)
    FROM spanledger.deliveries ARRAY JOIN exports AS export
    WHERE received_at >= {from:DateTime('UTC')} AND received_at < {to:DateTime('UTC')}
      AND (empty({project:String}) OR project = {project:String}) AND export.process = ''
    GROUP BY export.service_name
    UNION ALL
    SELECT '', service_name, 0, 0, 0, 0, 0, 0, NULL, NULL, true, 0, count(), 0
    FROM spanledger.rejected
    WHERE received_at >= {from:DateTime('UTC')} AND received_at < {to:DateTime('UTC')}
      AND (empty({project:String}) OR project = {project:String})
    GROUP BY service_name
)
GROUP BY multiIf({by:String} = 'service', service_, {by:String} = 'process', process, '') AS value
