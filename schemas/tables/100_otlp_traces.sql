-- What the collector inserts: one row a request, as otlp.proto reads it. Nothing is kept here, nor in the tables up to 110.
-- `value` in each AnyValue says which member was set (input_format_protobuf_oneof_presence).
CREATE TABLE spanledger.otlp_traces
(
    project     String,
    received_at UInt64,
    digest      String,
    segment     UInt64,
    request     Tuple(resource_spans Array(@OtlpResource))
)
ENGINE = Null
