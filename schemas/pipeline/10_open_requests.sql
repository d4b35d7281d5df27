-- From requests to scopes: each resource read once, for all of its spans. Every function in this view and the next four is
-- total: a segment fails there, before anything is posted, or nowhere (D15).
-- Each view is planned anew for each segment, at a cost of columns × steps, and of the size of their types: so the views
-- are short, wide values are taken apart where they enter, and what is only carried stays together in one tuple.
CREATE MATERIALIZED VIEW spanledger.open_requests TO spanledger.otlp_scopes AS
WITH resources AS
(
    SELECT (project, received_at, digest, segment) AS origin, scope_spans, spanledger_attributes_read(attributes) AS read
    FROM spanledger.otlp_traces
    ARRAY JOIN request.resource_spans.resource.attributes AS attributes, request.resource_spans.scope_spans AS scope_spans
)
SELECT origin,
    (CAST((read.1, read.2) AS Map(String, String)), read.3, name, version, spanledger_attributes_kept(scope_attributes)) AS resource,
    spanledger_attributes_named(read, @last_of_resource) AS resource_fields,
    spans
FROM resources
ARRAY JOIN scope_spans.scope.name AS name, scope_spans.scope.version AS version, scope_spans.scope.attributes AS scope_attributes,
    scope_spans.spans AS spans
