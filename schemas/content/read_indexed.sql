-- From attributes that are numbered to the parts of messages: `llm.input_messages.0.message.tool_calls.1.tool_call.id`. The first number is
-- the message's, the second that of a part, in the list before it; the last word says what it is. They become the members of an object.
CREATE MATERIALIZED VIEW spanledger.read_indexed TO spanledger.content_parts AS
WITH
members AS
(
    SELECT origin, timestamp, trace_id, span_id, content_read.number AS number, arrayJoin(pairs) AS pair, extractAll(pair.1, '\\.([0-9]+)') AS numbers,
        extract(pair.1, '\\.[0-9]+\\.(?:.*\\.)?([A-Za-z_]+)\\.[0-9]+') AS list,
        splitByChar('.', pair.1)[-1] AS name,
        toUInt32OrZero(numbers[1]) AS message,
        toUInt32(multiIf(list = '', 0, list = 'tool_calls', 2000000, 1000000) + toUInt16OrZero(numbers[2])) AS place
    FROM spanledger.content_read
    WHERE match(pairs[1].1, @indexed)
)
SELECT origin, timestamp, trace_id, span_id, number, message,
    anyIf(pair.2, list = '' AND name = 'role') AS role, place,
    if(list = '' AND empty(arrayFilter(word -> word NOT IN ('role', 'finish_reason'), groupArray(name))), '',
        toJSONString(CAST(groupArray((name, toValidUTF8(pair.2))) AS Map(String, String)))) AS part
FROM members
GROUP BY origin, timestamp, trace_id, span_id, number, message, list, place
