-- The posting of what GPUs cost in an hour in which they were not used; or, negative, its taking back. No call: it counts none.
SELECT
    fromUnixTimestamp64Nano({at:Int64}, 'UTC') AS posted_at, toStartOfMonth(timestamp) AS period, 'adjustment' AS kind,
    'idle_gpu_hours' AS reason, 0 AS refers_to, {project:String} AS project, toDateTime64({from:UInt32}, 9, 'UTC') AS timestamp,
    0 AS calls, CAST({usd:String} AS Decimal(38, 12)) AS cost_usd, 'priced' AS cost_status,
    {rule:String} AS price_id, {version:String} AS price_version, {segment:UInt64} AS segment
