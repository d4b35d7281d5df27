-- When were spans lost or dropped, and whose? One row a gap in the sequence of a process, or a request that reports drops.
CREATE OR REPLACE VIEW spanledger.delivery_gaps AS
SELECT service, process, gap_from, gap_to, lost, dropped, missing AS missing_requests
FROM spanledger.delivery_steps(project={project:String}, from={from:DateTime('UTC')}, to={to:DateTime('UTC')})
WHERE received_at >= {from:DateTime('UTC')} AND received_at < {to:DateTime('UTC')} AND (lost > 0 OR dropped > 0)
