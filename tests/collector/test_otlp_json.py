"""OTLP as JSON: any request comes to the bytes of its protobuf form, and what is wrong is named with its place."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from collector.traffic import as_json, calls, request
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector.errors import RefusedError
from spanledger_collector.otlp_json import to_protobuf
from spanledger_collector.wire import OTLP, Signal

IDS = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}
LONGS = (1 << 63) - 1


def values(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type:
        return messages(field.message_type, depth - 1)
    if field.enum_type:
        return st.sampled_from([value.number for value in field.enum_type.values])
    signed, unsigned = st.integers(-1 << 31, (1 << 31) - 1), st.integers(0, (1 << 32) - 1)
    return {
        field.TYPE_STRING: st.text(max_size=200),
        field.TYPE_BYTES: st.binary(max_size=200),
        field.TYPE_BOOL: st.booleans(),
        field.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(math.nan),
        field.TYPE_INT32: signed,
        field.TYPE_SINT32: signed,
        field.TYPE_UINT32: unsigned,
        field.TYPE_FIXED32: unsigned,
        field.TYPE_INT64: st.integers(-LONGS - 1, LONGS),
        field.TYPE_SFIXED64: st.integers(-LONGS - 1, LONGS),
        field.TYPE_UINT64: st.integers(0, 2 * LONGS + 1),
        field.TYPE_FIXED64: st.integers(0, 2 * LONGS + 1),
    }[field.type]


@st.composite
def messages(draw: st.DrawFn, descriptor: Any, depth: int = 9) -> Any:
    """A message with any of its fields, no deeper than `depth`."""
    given: dict[str, Any] = {}
    open_fields = [field for field in descriptor.fields if depth > 0 or not field.message_type]
    if not open_fields:
        return given
    for field in draw(st.lists(st.sampled_from(open_fields), unique=True, max_size=5)):
        one = field.containing_oneof
        if one and any(name in given for name in (other.name for other in one.fields)):
            continue
        value = values(field, depth)
        given[field.name] = draw(st.lists(value, min_size=1, max_size=3) if field.is_repeated else value)
    return given


@st.composite
def as_javascript(draw: st.DrawFn, value: Any, key: str = "") -> Any:
    """Of protobuf's own JSON: ids hexadecimal, and 64 bits as a string or a number, as exporters differ."""
    match value:
        case dict():
            return {key: draw(as_javascript(item, key)) for key, item in value.items()}
        case list():
            return [draw(as_javascript(item, key)) for item in value]
        case str() if key in IDS:
            text = base64.b64decode(value).hex()
            return text.upper() if draw(st.booleans()) else text
        case str() if (key.endswith("UnixNano") or key == "intValue") and draw(st.booleans()):
            return int(value)
        case _:
            return value


@pytest.mark.parametrize("signal", Signal)
@settings(max_examples=80)
@given(data=st.data())
def test_any_request_comes_to_the_bytes_of_its_protobuf_form(signal: Signal, data: st.DataObject) -> None:
    message = OTLP[signal](**data.draw(messages(OTLP[signal].DESCRIPTOR)))
    snake, numbers = data.draw(st.booleans()), data.draw(st.booleans())
    plain = json_format.MessageToDict(message, preserving_proto_field_name=snake, use_integers_for_enums=numbers)
    body = json.dumps(data.draw(as_javascript(plain)), ensure_ascii=data.draw(st.booleans()))
    assert to_protobuf(signal, body.encode()) == message.SerializeToString()


@settings(max_examples=200)
@given(body=st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "spans", "attributes", "value", "values", "traceId", "kind", "x"]),
        inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_whatever_comes_is_a_request_or_refused(body: bytes) -> None:
    try:
        ExportTraceServiceRequest.FromString(to_protobuf(Signal.TRACES, body))
    except RefusedError as refused:
        assert refused.status == 400


def sent(span: str) -> Span:
    """A span of JSON, as it is in the protobuf form."""
    body = f'{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{span}]}}]}}]}}'.encode()
    message = ExportTraceServiceRequest.FromString(to_protobuf(Signal.TRACES, body))
    return message.resource_spans[0].scope_spans[0].spans[0]


def value(text: str) -> AnyValue:
    return sent(f'{{"attributes": [{{"key": "k", "value": {text}}}]}}').attributes[0].value


def test_names_of_the_proto_unknown_names_and_nulls_are_taken() -> None:
    assert sent(
        '{"trace_id": "0A0b", "start_time_unix_nano": 7, "new": {"x": [1]}, "status": null, "kind": null}'
    ) == Span(trace_id=b"\x0a\x0b", start_time_unix_nano=7)


@pytest.mark.parametrize(
    ("text", "nanos"), [("7", 7), ('"7"', 7), ("1e3", 1000), ("18446744073709551615", 2**64 - 1), ('"0"', 0)]
)
def test_a_time_is_a_number_or_a_string(text: str, nanos: int) -> None:
    assert sent(f'{{"startTimeUnixNano": {text}}}').start_time_unix_nano == nanos


@pytest.mark.parametrize(
    ("text", "kind"), [("3", 3), ('"SPAN_KIND_CLIENT"', 3), ('"SPAN_KIND_OF_TOMORROW"', 0), ("77", 77)]
)
def test_an_enum_is_a_number_or_a_name(text: str, kind: int) -> None:
    assert sent(f'{{"kind": {text}}}').kind == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"intValue": 0}', AnyValue(int_value=0)),
        ('{"intValue": "-9223372036854775808"}', AnyValue(int_value=-(2**63))),
        ('{"intValue": 9223372036854775808}', AnyValue(double_value=2.0**63)),
        ('{"intValue": 1e+300}', AnyValue(double_value=1e300)),
        ('{"doubleValue": null}', AnyValue()),
        ('{"doubleValue": "-Infinity"}', AnyValue(double_value=-math.inf)),
        ('{"doubleValue": Infinity}', AnyValue(double_value=math.inf)),
        ('{"bytesValue": "-_8"}', AnyValue(bytes_value=b"\xfb\xff")),
        ('{"stringValue": "a", "stringValue": "b"}', AnyValue(string_value="b")),
        (r'{"stringValue": "cut \ud83d"}', AnyValue(string_value="cut \ufffd")),
        (r'{"stringValue": "whole \ud83d\ude00"}', AnyValue(string_value="whole \U0001f600")),
        ("null", AnyValue()),
    ],
)
def test_odd_values_lose_no_request(text: str, expected: AnyValue) -> None:
    assert value(text) == expected


def test_a_null_in_an_array_keeps_its_place() -> None:
    values = value('{"arrayValue": {"values": [{"intValue": 1}, null, {"intValue": 2}]}}').array_value.values
    assert list(values) == [AnyValue(int_value=1), AnyValue(), AnyValue(int_value=2)]


@pytest.mark.parametrize("text", ["", "0g", "abc", "x" * 8, "y" * 16, "é" * 8, "AAAAAAAAAAAAAAAAAAAAAA=="])
def test_an_id_that_is_none_stays_one_that_is_none(text: str) -> None:
    span = sent(json.dumps({"traceId": text, "spanId": text}))
    assert len(span.trace_id) != 16 and len(span.span_id) != 8
    assert span.trace_id.endswith(text.encode())


def test_bytes_that_are_no_utf_8_fail_no_neighbour() -> None:
    body = b'\xef\xbb\xbf{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "a\xff"}, {"name": "b"}]}]}]}'
    message = ExportTraceServiceRequest.FromString(to_protobuf(Signal.TRACES, body))
    assert [span.name for span in message.resource_spans[0].scope_spans[0].spans] == ["a\ufffd", "b"]


DEEP = '{"arrayValue": {"values": [' * 5_000 + "]}}" * 5_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "Expecting value: line 1 column 1"),
        ('{"resourceSpans": [}', "line 1 column 20"),
        ("[]", "the body: [] is no object"),
        ('{"resourceSpans": {}}', "resourceSpans: {} is no array"),
        ('{"resourceSpans": [{}, 1]}', "resourceSpans[1]: 1 is no object"),
        (
            '{"resourceSpans": [{"scopeSpans": [{"spans": [{}, {"name": 5}]}]}]}',
            "scopeSpans[0].spans[1].name: 5 is no string",
        ),
        ('{"resourceSpans": [{"schemaUrl": ["' + "x" * 9000 + '"]}]}', "resourceSpans[0].schemaUrl: "),
        ('{"resourceSpans": [{"resource": {"droppedAttributesCount": -1}}]}', "-1 does not fit into 32 bits"),
        ('{"resourceSpans": [{"resource": {"droppedAttributesCount": true}}]}', "true is no whole number"),
        ('{"resourceSpans": [{"resource": {"droppedAttributesCount": NaN}}]}', "NaN is no whole number"),
        ('{"resourceSpans": ' + "9" * 10_000 + "}", "not JSON that can be read"),
        ("[" * 200_000, "nested too deeply"),
        ('{"resourceSpans": [{"resource": {"attributes": [{"value": ' + DEEP + "}]}}]}", "nested too deeply"),
    ],
    ids=range(13),
)
def test_what_is_wrong_is_named_with_its_place(body: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        to_protobuf(Signal.TRACES, body.encode())
    assert refused.value.status == 400
    assert said in str(refused.value) and len(str(refused.value)) < 300


def test_the_same_spans_are_the_same_bytes_however_their_json_is_laid_out() -> None:
    body = request(calls(2))
    plain = json.loads(as_json(body))
    for indent, in_order in ((None, True), (2, False)):
        assert to_protobuf(Signal.TRACES, json.dumps(plain, indent=indent, sort_keys=in_order).encode()) == body
