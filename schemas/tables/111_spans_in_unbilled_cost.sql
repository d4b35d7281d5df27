-- As in `spans`.
ALTER TABLE spanledger.spans_in ADD COLUMN IF NOT EXISTS unbilled_cost_usd Nullable(Decimal(38, 12)) AFTER cost_status
