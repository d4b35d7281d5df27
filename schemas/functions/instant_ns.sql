-- Unix nanoseconds of an instant in ISO 8601; 0 where the text is none that a DateTime64 can hold.
CREATE OR REPLACE FUNCTION spanledger_instant_ns AS (text) ->
    multiply(1000, toUInt64(greatest(0, ifNull(toUnixTimestamp64Micro(parseDateTime64BestEffortOrNull(text, 6, 'UTC')), 0))))
