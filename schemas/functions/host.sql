-- The host of an address: of a URL, or of `host:port`.
CREATE OR REPLACE FUNCTION spanledger_host AS (address) -> multiIf(
    position(address, '://') > 0, domain(address),
    countSubstrings(address, ':') = 1, substringIndex(address, ':', 1),
    address)
