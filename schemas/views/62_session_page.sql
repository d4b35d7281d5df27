-- Which sessions come next, the one that was active last first? A page of their ids, first of two steps: `sessions` has their figures.
-- The page goes on after `before_ns` (`last_ns` of the last row before it) and `before_session`. As with `trace_page`, ask a short
-- range first.
CREATE OR REPLACE VIEW spanledger.session_page AS
SELECT session_id, toUnixTimestamp64Nano(max(timestamp)) AS last_ns
FROM spanledger.spans
WHERE session_id != '' AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
  AND received_at >= {from:DateTime('UTC')} - INTERVAL @future_hours HOUR
  AND @span_passes
GROUP BY session_id
HAVING (last_ns, session_id) < ({before_ns:Int64}, {before_session:String})
ORDER BY last_ns DESC, session_id DESC
LIMIT {limit:UInt32}
