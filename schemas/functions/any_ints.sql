-- The numbers in the bytes of AnyValues that hold ints: a varint behind the tag, seven bits a byte, the lowest first. The first
-- seven bytes are brought together by two, by four and by eight; an eighth to a tenth are the exception. Of values that hold no int
-- the number means nothing. Takes a list, since steps over a list are the only way to name what is used twice.
-- (No lambda of a function may call its own what a function around it calls so: it would be replaced.)
CREATE OR REPLACE FUNCTION spanledger_any_ints AS (values) -> arrayMap(
    (x, rest) -> reinterpretAsInt64(bitOr(bitAnd(x, 0xfffffff), bitShiftRight(bitAnd(x, 0xfffffff00000000), 4))
        + bitShiftLeft(bitAnd(rest, 0x7f), 49) + bitShiftLeft(bitAnd(rest, 0x7f00), 48) + bitShiftLeft(bitAnd(rest, 0x10000), 47)),
    arrayMap(x -> bitOr(bitAnd(x, 0x3fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)),
    arrayMap(x -> bitOr(bitAnd(x, 0x7f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)),
    arrayMap(raw -> bitShiftRight(reinterpretAsUInt64(raw), 8), values))),
    arrayMap(raw -> reinterpretAsUInt64(substring(if(ascii(raw) = 24 AND length(raw) > 8, raw, ''), 9)), values))
