-- From spans to their content: the attributes that `messages` of attributes.yaml names, and of those that say the same the best;
-- those that it does not name, all of them. Events of the span count as attributes of it: that of a message by its name.
-- These views are there only where content is captured (content.py).
CREATE MATERIALIZED VIEW spanledger.read_content TO spanledger.content_read AS
WITH
said AS
(
    SELECT origin, otlp, arrayConcat(otlp.attributes, arrayFlatten(arrayMap(
        e -> arrayMap(a -> (if(a.key = 'gen_ai.event.content' AND has(@content_sources, e.name), e.name, a.key), a.value), e.attributes), otlp.events))) AS attributes
    FROM spanledger.otlp_spans
    WHERE length(otlp.trace_id) = 16 AND length(otlp.span_id) = 8 AND spanledger_signal_time_refusal(otlp.start_time_unix_nano, origin.received_at) = ''
),
numbered AS
(
    SELECT origin, otlp, arrayFilter(a -> a.1 != 0 AND a.3 NOT IN ('', '\n\0'), arrayMap(a -> (@number, a.1, a.2), attributes)) AS found
    FROM said
),
chosen AS
(
    SELECT *, arrayFilter(a -> a.1 = arrayMin(arrayFilter(number -> bitShiftRight(number, 8) = bitShiftRight(a.1, 8), found.1)), found) AS best
    FROM numbered
)
SELECT origin, fromUnixTimestamp64Nano(toInt64(otlp.start_time_unix_nano), 'UTC') AS timestamp,
    lower(hex(otlp.trace_id)) AS trace_id, lower(hex(otlp.span_id)) AS span_id,
    arrayJoin(arrayDistinct(best.1)) AS number,
    arrayMap(a -> (a.2, spanledger_attribute_text(a.3)), arrayFilter(a -> a.1 = number, best)) AS pairs,
    (spanledger_first_text(otlp.attributes, @sources(tool_call_id)), spanledger_first_text(otlp.attributes, @sources(tool_name))) AS tool
FROM chosen
