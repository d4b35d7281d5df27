-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- The service tier as the price book names it: '' for the list price.
CREATE OR REPLACE FUNCTION spanledger_priced_tier AS (service_tier) ->
    if(service_tier IN ('default', 'standard', 'auto', 'on_demand'), '', service_tier)
