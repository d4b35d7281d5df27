-- From scopes to spans.
CREATE MATERIALIZED VIEW spanledger.open_scopes TO spanledger.otlp_spans AS
SELECT origin,
    (
        CAST((attributes.key, attributes.text) AS Map(LowCardinality(String), String)), attributes.type,
        scope_spans.scope.name, scope_spans.scope.version, spanledger_attributes_kept(scope_spans.scope.attributes)
    ) AS resource,
    spanledger_attributes_named(attributes, @last_of_resource) AS resource_fields,
    arrayJoin(scope_spans.spans) AS otlp
FROM spanledger.otlp_scopes
