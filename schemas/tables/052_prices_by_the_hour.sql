-- Of a rule of the user's for GPUs: what they cost an hour, in USD, and whether calls share it by their `tokens` or by the `time`
-- that they took; empty where there is no such rule. The rates of such a row are not known, and its fee is -1: its calls are
-- unpriced until the hour is over.
ALTER TABLE spanledger.prices ADD COLUMN IF NOT EXISTS usd_an_hour @Rate, ADD COLUMN IF NOT EXISTS shared_by LowCardinality(String)
