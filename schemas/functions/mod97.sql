-- Does an account number pass its check (ISO 7064, MOD 97-10)? Its first four characters go to its end, letters count from 10, and
-- what that number leaves, divided by 97, is 1.
CREATE OR REPLACE FUNCTION spanledger_mod97 AS (text) -> arrayFold(
    (remainder, byte) -> (remainder * if(byte < 58, 10, 100) + if(byte < 58, byte - 48, byte - 55)) % 97 + toInt64(0),
    arrayMap(byte -> toInt64(byte), reinterpret(concat(substring(replaceAll(text, ' ', ''), 5), substring(replaceAll(text, ' ', ''), 1, 4)), 'Array(UInt8)')),
    toInt64(0)) = 1
