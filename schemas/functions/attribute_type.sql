-- Which of an AnyValue's members is set: its first byte is the member's tag. One with a tag that OTLP has not is shown as bytes.
CREATE OR REPLACE FUNCTION spanledger_attribute_type AS (value) ->
    CAST(if(ascii(value) IN (0, 10, 16, 24, 33, 42, 50), ascii(value), 58) AS @AttributeType)
