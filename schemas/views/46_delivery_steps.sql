-- What does each request that arrived say about those before it? One row a request of a process that stamps them (`sequence`), against the
-- one before it in the sequence; dated by its arrival. `lost`: spans that the process sent between the two and that did not arrive, in
-- `missing` requests. `gap_from` to `gap_to`: when. Spans of a late request are taken back from the gap once it is here; three days
-- after the range are looked at for them, and a day before it for what came before.
-- The same request twice counts once (its digest); a request that was split on its way is put together again.
CREATE OR REPLACE VIEW spanledger.delivery_steps AS
WITH steps AS
(
    SELECT
        project, process, export.sequence AS sequence, max(export.service_name) AS service, max(export.started) AS started,
        min(received_at) AS received_at, sum(export.spans) AS spans, max(export.emitted) AS emitted_, max(export.sent) AS sent_,
        max(export.dropped) AS dropped_, max(export.final) AS final
    FROM
    (
        SELECT project::String AS project, received_at, exports
        FROM spanledger.deliveries
        WHERE received_at >= {from:DateTime('UTC')} - INTERVAL 1 DAY AND received_at < {to:DateTime('UTC')} + INTERVAL 3 DAY
          AND (empty({project:String}) OR project = {project:String})
        ORDER BY received_at
        LIMIT 1 BY project, digest
    )
    ARRAY JOIN exports AS export
    WHERE export.process != ''
    GROUP BY project, export.process AS process, sequence
)
SELECT
    project, service, process, started, sequence, received_at, spans, final, emitted_ - dropped_ - sent_ AS waiting,
    greatest(emitted_ - emitted_before, 0) AS emitted,
    greatest(dropped_ - dropped_before, 0) AS dropped,
    sent_ - sent_before - spans AS lost,
    if(counted, sequence - sequence_before - 1, 0) AS missing,
    least(before, gap_to) AS gap_from,
    min(received_at) OVER (PARTITION BY project, process ORDER BY sequence ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS gap_to
FROM
(
    SELECT
        * REPLACE (toInt64(sequence) AS sequence, toInt64(spans) AS spans, toInt64(dropped_) AS dropped_,
            -- a release that did not stamp these yet
            toInt64(if(emitted_ = 0, spans + dropped_, emitted_)) AS emitted_, toInt64(if(emitted_ = 0, spans, sent_)) AS sent_),
        lagInFrame(sequence, 1, 0) OVER w AS previous,
        -- the first of a process that began before all that is looked at says nothing about what was before it
        steps.emitted_ > 0 AND (previous > 0 OR started >= {from:DateTime('UTC')} - INTERVAL 1 DAY) AS counted,
        if(counted, toInt64(previous), sequence - 1) AS sequence_before,
        if(counted, toInt64(lagInFrame(steps.emitted_, 1, 0) OVER w), emitted_ - spans) AS emitted_before,
        if(counted, toInt64(lagInFrame(steps.sent_, 1, 0) OVER w), sent_ - spans) AS sent_before,
        toInt64(if(counted OR previous > 0, lagInFrame(steps.dropped_, 1, 0) OVER w, steps.dropped_)) AS dropped_before,
        if(previous > 0, lagInFrame(received_at, 1, received_at) OVER w, toDateTime64(started, 9, 'UTC')) AS before
    FROM steps
    WINDOW w AS (PARTITION BY project, process ORDER BY sequence ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
