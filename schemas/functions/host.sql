-- The host of an address: of a URL, or of `host:port`.
CREATE OR REPLACE FUNCTION spanledger_host AS (address) ->
    replaceRegexpOne(address, '^(?:[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(\\[[^\\]]*\\]|[^/:?#]*).*|([^:]*):[0-9]*)$', '\\1\\2')
