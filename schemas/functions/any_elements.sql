-- The elements of an AnyValue that holds an array, up to 64 of them, as AnyValues: each behind a tag and a length, a varint.
-- Followed by an empty one where there are more.
CREATE OR REPLACE FUNCTION spanledger_any_elements AS (value) -> arrayMap(
    bounds -> substring(spanledger_any_string(value), bounds.1, bounds.2),
    arrayPopFront(arrayFold(
        (bounds, step) -> if(bounds[-1].1 + bounds[-1].2 > length(spanledger_any_string(value)), bounds, arrayPushBack(bounds, arrayMap(
            (at, head) -> (toUInt64(at + 1 + multiIf(head[1] < 128, 1, head[2] < 128, 2, head[3] < 128, 3, 4)), toUInt64(multiIf(
                head[1] < 128, head[1],
                head[2] < 128, head[1] - 128 + head[2] * 128,
                head[3] < 128, head[1] - 128 + (head[2] - 128) * 128 + head[3] * 16384,
                head[1] - 128 + (head[2] - 128) * 128 + (head[3] - 128) * 16384 + head[4] * 2097152))),
            [bounds[-1].1 + bounds[-1].2],
            [arrayMap(i -> reinterpretAsUInt8(substring(spanledger_any_string(value), bounds[-1].1 + bounds[-1].2 + i, 1)), [1, 2, 3, 4])])[1])),
        range(65),
        CAST([(1, 0)] AS Array(Tuple(UInt64, UInt64))))))
