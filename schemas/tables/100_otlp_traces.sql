-- What the collector inserts: one row a request, as otlp.proto reads it. Nothing is kept here.
-- `value` in each AnyValue says which member was set (input_format_protobuf_oneof_presence).
CREATE TABLE spanledger.otlp_traces
(
    project     String,
    received_at UInt64,
    digest      String,
    segment     UInt64,
    request     Tuple(resource_spans Array(Tuple(
        resource    Tuple(attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(String)), kvlist_value String, bytes_value String)))),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(String)), kvlist_value String, bytes_value String)))),
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
                attributes           Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(String)), kvlist_value String, bytes_value String))),
                dropped_attributes_count UInt32,
                events               Array(Tuple(time_unix_nano UInt64, name String, attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(String)), kvlist_value String, bytes_value String))), dropped_attributes_count UInt32)),
                dropped_events_count UInt32,
                links                Array(Tuple(trace_id String, span_id String, trace_state String, attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(String)), kvlist_value String, bytes_value String))), dropped_attributes_count UInt32, flags UInt32)),
                dropped_links_count  UInt32,
                status               Tuple(message String, code UInt32)
            ))
        ))
    )))
)
ENGINE = Null
