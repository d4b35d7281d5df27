-- One row a part of a message: a JSON string or object.
CREATE TABLE spanledger.content_parts
(
    origin    @Origin,
    timestamp DateTime64(9, 'UTC'),
    trace_id  String,
    span_id   String,
    number    UInt32,
    message   UInt32,  -- its place among the messages
    role      String,
    place     UInt32,  -- the part's place in the message
    part      String
)
ENGINE = Null
