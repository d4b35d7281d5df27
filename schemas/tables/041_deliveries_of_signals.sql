-- What was accepted in a request of logs or metrics: of each stored, rejected or not kept.
ALTER TABLE spanledger.deliveries
    ADD COLUMN IF NOT EXISTS log_records   UInt32,
    ADD COLUMN IF NOT EXISTS metric_points UInt32
