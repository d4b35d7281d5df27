-- What is there among the spans that pass the filters, and how many of each? A row a facet and value: service, model, provider, status,
-- error_class, prompt (name and version). Counts are of spans; a value that is empty is none. Of many spans the newest are counted, by
-- arrival, `newest` of them: where the counts of `status` add up to so many, there are more.
CREATE OR REPLACE VIEW spanledger.trace_facets AS
SELECT pair.1 AS facet, pair.2 AS value, sum(spans_) AS spans
FROM
(
    SELECT
        arrayJoin([('service', service_name::String), ('model', model::String), ('provider', provider::String), ('status', status::String),
            ('error_class', spanledger_error_class(status::String, error_type::String)),
            ('prompt', concat(prompt_name::String, if(prompt_version = '', '', ' '), prompt_version::String))]) AS pair,
        count() AS spans_
    FROM
    (
        SELECT service_name, model, provider, status, error_type, prompt_name, prompt_version
        FROM spanledger.spans
        WHERE timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
          AND received_at >= {from:DateTime('UTC')} - INTERVAL @future_hours HOUR
          AND @span_passes
        ORDER BY segment DESC
        LIMIT {newest:UInt32}
    )
    GROUP BY service_name, model, provider, status, error_type, prompt_name, prompt_version
)
WHERE value != ''
GROUP BY pair
ORDER BY facet, spans DESC, value
SETTINGS read_in_order_use_buffering = 0
