-- From resources to scopes: each resource read once, for all of its spans.
CREATE MATERIALIZED VIEW spanledger.open_resources TO spanledger.otlp_scopes AS
SELECT origin, spanledger_attributes_read(resource_spans.resource.attributes) AS attributes, arrayJoin(resource_spans.scope_spans) AS scope_spans
FROM spanledger.otlp_resources
