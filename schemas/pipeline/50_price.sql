-- From figures to money. The rates are those of the service tier, or the list price where the book has none of its own.
-- A call that several spans of a trace report is billed once (D7). What of it is in one segment is found here: a segment is one
-- block, and a subquery that reads this view's table reads that block. The rest is found by corrections/billed_by_child.sql.
CREATE MATERIALIZED VIEW spanledger.price TO spanledger.spans_in AS
WITH
-- Traces with two calls or more. Of each span: its id, its parent's, and 0 no call, 1 a call that failed without usage, 2 one that
-- went well without, 3 one with usage; and when it began and ended. Only so many spans a trace: what follows is quadratic in them.
traces AS
(
    SELECT cityHash64(origin.project, span.trace_id) AS trace, groupArray(@limit_spans_a_trace)((
        cityHash64(origin.project, span.trace_id, span.span_id),
        cityHash64(origin.project, span.trace_id, if(span.parent_span_id = span.span_id, '', span.parent_span_id)),
        multiIf(NOT billing_owner, 0, has_usage, 3, checked.status = 'error', 1, 2),
        toUnixTimestamp64Nano(timestamp), toUnixTimestamp64Nano(timestamp) + toInt64(checked.duration_ns))) AS spans
    FROM spanledger.spans_checked
    WHERE refusal = ''
    GROUP BY trace
    HAVING countIf(billing_owner) > 1
),
-- where each span's parent is among them; 0 is nowhere
parents AS
(
    SELECT spans.1 AS ids, spans.3 AS kinds, spans.4 AS begun, spans.5 AS ended, arrayMap(parent -> indexOf(ids, parent), spans.2) AS up
    FROM traces
),
-- who is up to four levels above; a call that was over before another began is none that it is inside, but one of its own (some
-- instrumentors forget to put a call away when it has ended)
ancestors AS
(
    SELECT ids, kinds, arrayMap(
        (i, began) -> arrayFilter(above -> NOT (kinds[above] IN (1, 3) AND ended[above] < began), [i, up[i], up[up[i]], up[up[up[i]]]]), up, begun) AS above
    FROM parents
    WHERE arrayExists(i -> kinds[i] > 0, up)  -- nothing to do where no call has a span below it, which is usual
),
wrappers AS
(
    SELECT ids, kinds, above,
        arrayDistinct(arrayFlatten(arrayFilter((above, kind) -> kind = 3, above, kinds))) AS over_usage,
        arrayDistinct(arrayFlatten(arrayFilter((above, kind) -> kind > 0, above, kinds))) AS over_calls,
        arrayFilter((i, kind) -> kind = 3 AND has(over_calls, i) AND NOT has(over_usage, i), arrayEnumerate(kinds), kinds) AS billed
    FROM ancestors
),
unbilled AS
(
    SELECT arrayJoin(arrayFilter(
        (id, i, kind, above) -> kind > 0 AND (has(over_usage, i) OR (kind < 3 AND has(over_calls, i)) OR (kind = 2 AND hasAny(billed, above))),
        ids, arrayEnumerate(ids), kinds, above)) AS id
    FROM wrappers
),
looked_up AS
(
    SELECT * EXCEPT (billing_owner),
        billing_owner AND cityHash64(origin.project, span.trace_id, span.span_id) NOT IN (SELECT id FROM unbilled) AS billing_owner,
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
        tier_is_unknown OR usage_estimated, 'estimated',
        'priced') AS cost_status,
    if(billing_owner, NULL, coalesce(list_cost_usd, provider_cost_usd)) AS unbilled_cost_usd,
    entry_id AS price_id, entry_version AS price_version  -- of an unpriced call too: GPUs are paid when the hour is over
FROM listed
