-- The four AnyValues that read as this text (`spanledger_attribute_text`): a string of less than 16 KB, a whole number, a flag, a number;
-- the string again where it is none of them. For comparison with `attribute_values`, byte by byte, so that an index can answer.
CREATE OR REPLACE FUNCTION spanledger_text_values AS (text) -> arrayMap(string -> [
    string,
    if(isNull(toInt64OrNull(text)), string, concat(char(24), arrayStringConcat(arrayMap(
        byte -> char(bitOr(bitAnd(bitShiftRight(reinterpretAsUInt64(toInt64OrZero(text)), 7 * byte), 127), if(bitShiftRight(bitShiftRight(reinterpretAsUInt64(toInt64OrZero(text)), 7 * byte), 7) > 0, 128, 0))),
        arrayFilter(byte -> byte = 0 OR bitShiftRight(reinterpretAsUInt64(toInt64OrZero(text)), 7 * byte) > 0, range(10)))))),
    if(text IN ('true', 'false'), char(16, text = 'true'), string),
    if(isNull(toFloat64OrNull(text)), string, concat(char(33), unhex(hex(toFloat64OrZero(text)))))],
    [concat(char(10), if(length(text) < 128, char(length(text)), char(128 + length(text) % 128, intDiv(length(text), 128))), text)])[1]
