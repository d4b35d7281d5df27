-- In which traces was this said, in letters of either case? The newest first, so many at most.
CREATE OR REPLACE VIEW spanledger.content_search AS
SELECT trace_id
FROM spanledger.span_content
WHERE (empty({project:String}) OR project = {project:String})
  AND arrayExists(m -> arrayExists(p -> positionCaseInsensitiveUTF8(p.content, {text:String}) > 0, m.parts), messages)
GROUP BY trace_id
ORDER BY max(timestamp) DESC
LIMIT 10000
