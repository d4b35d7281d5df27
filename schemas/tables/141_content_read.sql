-- One row a source of content: attributes of a span or of a log record that feed the same messages, as texts.
CREATE TABLE spanledger.content_read
(
    origin    @Origin,
    timestamp DateTime64(9, 'UTC'),
    trace_id  String,
    span_id   String,
    number    UInt32,                                -- the section of `messages`, and the place in it, a byte each
    pairs     Array(Tuple(key String, text String)),
    tool      Tuple(id String, name String)          -- of the span, where it is a tool's
)
ENGINE = Null
