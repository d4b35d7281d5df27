-- From scopes to spans.
CREATE MATERIALIZED VIEW spanledger.open_scopes TO spanledger.otlp_spans AS
SELECT origin,
    (
        toString(CAST((attributes, spanledger_attributes_kept(scope_spans.scope.attributes)) AS @ResourceText)),
        scope_spans.scope.name, scope_spans.scope.version, service_name, environment
    ) AS resource,
    inherited, arrayJoin(scope_spans.spans) AS otlp
FROM spanledger.otlp_scopes
