-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- Is this operation one call of a model, billed once?
CREATE OR REPLACE FUNCTION spanledger_is_billable AS (operation) ->
    operation IN ('chat', 'generate_content', 'text_completion', 'embeddings', 'rerank')
