-- From figures to money. The rates are those of the service tier, or the list price where the book has none of its own.
CREATE MATERIALIZED VIEW spanledger.price TO spanledger.spans_in AS
WITH
looked_up AS
(
    SELECT *,
        tier != '' AND NOT dictHas('spanledger.price_book', (provider, model, tier), toDateTime(timestamp, 'UTC')) AS tier_is_unknown,
        spanledger_price_entry(provider, model, if(tier_is_unknown, '', tier), toDateTime(timestamp, 'UTC')) AS entry
    FROM spanledger.spans_checked
),
-- a step of its own, so that it is worked out for all spans: for some, under a condition, takes longer
listed AS
(
    SELECT * EXCEPT (entry), entry.3 AS entry_id, entry.4 AS entry_version, spanledger_price_rates(entry, input_tokens, timestamp) AS rates,
        spanledger_list_cost(buckets, rates) AS list_cost
    FROM looked_up
),
    if(has_usage, list_cost, NULL) AS list_cost_usd
SELECT origin, resource, span, named, checked, refusal, timestamp, provider, model, buckets, has_usage, usage_flags, billing_owner,
    multiIf(NOT billing_owner, NULL, free, toDecimal128(0, 12), coalesce(list_cost_usd, provider_cost_usd)) AS cost_usd,
    multiIf(
        NOT billing_owner, '',
        free, 'free',
        isNull(list_cost_usd) AND isNotNull(provider_cost_usd), 'reported',
        isNull(list_cost_usd), 'unpriced',
        notEmpty(usage_flags), 'partial',
        tier_is_unknown, 'estimated',
        'priced') AS cost_status,
    entry_id AS price_id, entry_version AS price_version  -- of an unpriced call too: GPUs are paid when the hour is over
FROM listed
