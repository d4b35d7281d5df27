-- Log records and data points are refused too: `name` is the event's or the metric's, and `start_time_unix_nano` its time.
ALTER TABLE spanledger.rejected ADD COLUMN IF NOT EXISTS signal LowCardinality(String) DEFAULT 'traces'
