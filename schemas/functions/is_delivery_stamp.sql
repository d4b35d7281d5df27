-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- Is this attribute a stamp of the export, not of the resource (D12)?
CREATE OR REPLACE FUNCTION spanledger_is_delivery_stamp AS (key) ->
    has(['spanledger.export.process', 'spanledger.export.sequence', 'spanledger.export.dropped'], key)
