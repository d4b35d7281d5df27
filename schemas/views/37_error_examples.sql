-- Which calls failed last? The spans of failed calls, the youngest first, `number` at most.
-- `classes`: error classes kept; empty for all of them. Spans are kept for weeks, the ledger's counts for years: where a count of
-- errors has no example here, its spans are gone.
CREATE OR REPLACE VIEW spanledger.error_examples AS
SELECT
    timestamp, project, trace_id, span_id, name, service_name AS service, environment, provider, model, operation,
    spanledger_error_class(status::String, error_type::String) AS error_class, error_type, status_message AS message,
    duration_ns, streaming, team, feature, customer, prompt_name, prompt_version, response_id, server_address
FROM spanledger.spans
WHERE timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')} AND status = 'error' AND billing_owner
  AND (empty({classes:Array(String)}) OR has({classes:Array(String)}, error_class))
  AND @passes_filters
ORDER BY timestamp DESC, span_id
LIMIT {number:UInt32}
