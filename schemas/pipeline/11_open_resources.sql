-- From resources to scopes: each resource read once, for all of its spans.
CREATE MATERIALIZED VIEW spanledger.open_resources TO spanledger.otlp_scopes AS
WITH
numbered AS
(
    SELECT origin, resource_spans.scope_spans AS scope_spans, arrayFilter(a -> a.3 != @left_behind, arrayMap(
        a -> (a.key, a.value, @resource_number(a.key)), resource_spans.resource.attributes)) AS attributes
    FROM spanledger.otlp_resources
),
feeding AS
(
    SELECT *, spanledger_attributes_numbered(attributes) AS named
    FROM numbered
)
SELECT origin, arrayMap(a -> (a.1, a.2), attributes) AS attributes, arrayMap(a -> (a.1, a.2, bitOr(a.3, @of_resource)), named) AS inherited,
    spanledger_any_string(arrayFirst(a -> bitShiftRight(a.3, 8) = @field_of(service_name), named).2) AS service_name,
    spanledger_any_string(arrayFirst(a -> bitShiftRight(a.3, 8) = @field_of(environment), named).2) AS environment,
    arrayJoin(scope_spans) AS scope_spans
FROM feeding
