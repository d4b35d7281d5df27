-- Do the digits of a text pass the check of card numbers (ISO/IEC 7812-1, annex B)? Every second from the right counts double, and
-- the digits of that are added.
CREATE OR REPLACE FUNCTION spanledger_luhn AS (text) -> arraySum(
    (digit, nth) -> if(nth % 2 = 0, intDiv(2 * digit, 10) + 2 * digit % 10, digit),
    arrayMap(byte -> toInt32(byte) - 48, arrayReverse(reinterpret(replaceRegexpAll(text, '[^0-9]', ''), 'Array(UInt8)'))),
    arrayEnumerate(reinterpret(replaceRegexpAll(text, '[^0-9]', ''), 'Array(UInt8)'))) % 10 = 0
