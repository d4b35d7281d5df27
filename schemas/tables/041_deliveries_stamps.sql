-- More of what the SDK stamps on each request, so that gaps can be told in spans: what its process had emitted and sent until then, when
-- it started to count, and whether this was its last request. Rows from before have zeros.
ALTER TABLE spanledger.deliveries MODIFY COLUMN exports Array(Tuple(service_name String, process String, sequence UInt64, dropped UInt64, spans UInt32, emitted UInt64, sent UInt64, started DateTime('UTC'), final Bool))
