-- What the collector inserts: one row a request, as otlp.proto reads it. Nothing is kept here.
-- `value` in each AnyValue says which member was set (input_format_protobuf_oneof_presence).
CREATE TABLE spanledger.otlp_traces
(
    project     String,
    received_at UInt64,
    digest      String,
    segment     UInt64,
    request     Tuple(resource_spans Array(Tuple(
        resource    Tuple(attributes @Attributes),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String, attributes @Attributes),
            spans Array(Tuple(
                trace_id             String,
                span_id              String,
                trace_state          String,
                parent_span_id       String,
                flags                UInt32,
                name                 String,
                kind                 UInt32,
                start_time_unix_nano UInt64,
                end_time_unix_nano   UInt64,
                attributes           @Attributes,
                dropped_attributes_count UInt32,
                events               Array(Tuple(time_unix_nano UInt64, name String, attributes @Attributes, dropped_attributes_count UInt32)),
                dropped_events_count UInt32,
                links                Array(Tuple(trace_id String, span_id String, trace_state String, attributes @Attributes, dropped_attributes_count UInt32, flags UInt32)),
                dropped_links_count  UInt32,
                status               Tuple(message String, code UInt32)
            ))
        ))
    )))
)
ENGINE = Null
