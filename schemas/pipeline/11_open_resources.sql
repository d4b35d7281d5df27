-- From resources to scopes: each resource read once, for all of its spans.
CREATE MATERIALIZED VIEW spanledger.open_resources TO spanledger.otlp_scopes AS
WITH
numbered AS
(
    SELECT origin, resource_spans.scope_spans AS scope_spans, resource_spans.resource.attributes AS attributes,
        @resource_numbers(attributes) AS numbers
    FROM spanledger.otlp_resources
),
feeding AS
(
    SELECT *, spanledger_attributes_numbered(attributes, numbers) AS named
    FROM numbered
)
SELECT origin, arrayFilter((a, number) -> number != @left_behind, attributes, numbers) AS attributes,
    arrayMap(a -> (a.1, bitOr(a.2, @of_resource)), named) AS inherited,
    spanledger_any_string(arrayFirst(a -> bitShiftRight(a.2, 8) = @field_of(service_name), named).1) AS service_name,
    spanledger_any_string(arrayFirst(a -> bitShiftRight(a.2, 8) = @field_of(environment), named).1) AS environment,
    arrayJoin(scope_spans) AS scope_spans
FROM feeding
