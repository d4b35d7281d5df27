CREATE MATERIALIZED VIEW spanledger.post_spans TO spanledger.spans AS
SELECT
    * EXCEPT (received_at, digest, reason, start_ns, end_ns, status_code, input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out, price_id, price_version),
    fromUnixTimestamp64Nano(toInt64(received_at), 'UTC') AS received_at
FROM spanledger.spans_in
WHERE reason = ''
