-- What a span that is not billed would have cost: another span bills its call, or it is no call and only repeats the usage of calls.
ALTER TABLE spanledger.spans ADD COLUMN IF NOT EXISTS unbilled_cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)) AFTER billing_owner
