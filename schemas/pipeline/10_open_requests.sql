-- From requests to resources. Every function in this view and the next six is total: a segment fails there, before anything
-- is posted, or nowhere (D15).
-- Each view is planned anew for each segment, at a cost of columns × steps × the size of their types. So views are short,
-- a wide value is taken apart where it is a table's column, and what is only carried stays together in one tuple.
CREATE MATERIALIZED VIEW spanledger.open_requests TO spanledger.otlp_resources AS
SELECT (project, received_at, digest, segment) AS origin, arrayJoin(request.resource_spans) AS resource_spans
FROM spanledger.otlp_traces
