"""From attributes to columns: what is named wins as attributes.yaml says, and whatever else came reads back equal."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from collector.pipeline import recorded
from collector.pipeline.otlp import (
    CALL,
    NOW_NS,
    SECOND,
    Pipeline,
    Posted,
    Row,
    Value,
    any_value,
    attributes,
    by_name,
    call,
    failed,
    request,
    resource,
    span,
)
from collector.pipeline.together import together
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span
from spanledger_collector.contract import Contract
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.wire import Signal, check
from spanledger_demo.otlp import block

ATTRIBUTION = {
    "team": "spanledger.team",
    "feature": "spanledger.feature",
    "customer": "spanledger.customer",
    "user_id": "user.id",
    "session_id": "session.id",
    "prompt_name": "gen_ai.prompt.name",
    "prompt_version": "gen_ai.prompt.version",
}
ALIASES = {
    "user_id": "spanledger.user",
    "session_id": "spanledger.session",
    "prompt_name": "spanledger.prompt",
    "prompt_version": "spanledger.prompt_version",
}


# -- columns


def test_every_column_that_a_span_itself_fills(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(
        span(
            trace_id=b"\xab" * 16,
            span_id=b"\xcd" * 8,
            parent_span_id=b"\xef" * 8,
            trace_state="a=b",
            flags=257,
            name="GET /",
            kind=Span.SPAN_KIND_SERVER,
            status=failed("it broke"),
            dropped_attributes_count=1,
            dropped_events_count=2,
            dropped_links_count=3,
            start_time_unix_nano=NOW_NS - SECOND,
            end_time_unix_nano=NOW_NS - SECOND + 123_456_789,
        ),
        scope="lib",
        version="2.0",
    )

    row = posted.span
    expected = {
        "trace_id": "ab" * 16, "span_id": "cd" * 8, "parent_span_id": "ef" * 8, "trace_state": "a=b", "flags": 257,
        "name": "GET /", "kind": "server", "status": "error", "status_message": "it broke", "error_type": "_OTHER",
        "duration_ns": 123_456_789, "scope_name": "lib", "scope_version": "2.0",
        "dropped_counts": {"attributes": 1, "events": 2, "links": 3},
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@together(
    ("number", "kind"),
    [*enumerate(["unspecified", "internal", "server", "client", "producer", "consumer"]), (6, ""), (2**31 - 1, "")],
    lambda number, kind: span(kind=number),
)
def test_kinds_read_as_words(stored: Posted, number: int, kind: str) -> None:
    assert stored.span["kind"] == kind


def test_the_figures_and_names_of_a_call(pipeline: Pipeline) -> None:
    values: dict[str, Value] = {
        "gen_ai.response.model": "model-2",
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["length", "stop"],
        "gen_ai.response.id": "r-1",
        "anthropic.response.service_tier": "priority",
        "server.address": "api.acme.test",
        "gen_ai.agent.name": "planner",
        "spanledger.request.hash": "5f",
    }
    service = {"service.name": "web", "deployment.environment.name": "production"}

    row = pipeline.post_spans(call(values), values=service).span

    expected = {
        "operation": "chat", "provider": "acme", "request_model": "model-1", "response_model": "model-2", "model": "model-2",
        "ttft_ns": 250_000_000, "streaming": True, "finish_reason": "length", "response_id": "r-1", "service_tier": "priority",
        "server_address": "api.acme.test", "agent_name": "planner", "request_hash": "5f", "service_name": "web",
        "environment": "production", "status": "ok", "error_type": "",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@together(
    "ttft",
    [-0.5, 86_400.0, 1e300, float("nan"), float("inf"), "soon", None],
    lambda ttft: call({"gen_ai.response.time_to_first_chunk": ttft}),
)
def test_a_time_to_first_token_beyond_reason_is_unknown(stored: Posted, ttft: Value) -> None:
    assert stored.span["ttft_ns"] is None


@together(
    ("values", "error_type"),
    [
        ({"error.type": "timeout", "http.response.status_code": 504}, "timeout"),
        ({"http.response.status_code": 504}, "504"),
        ({"http.response.status_code": 399}, ""),
        ({"http.response.status_code": "not a number"}, ""),
    ],
    lambda values, error_type: span(values),
)
def test_a_failure_is_known_by_its_attributes(stored: Posted, values: dict[str, Value], error_type: str) -> None:
    assert (stored.span["status"], stored.span["error_type"]) == ("error" if error_type else "ok", error_type)


def test_an_exception_names_the_failure_where_nothing_better_does(pipeline: Pipeline) -> None:
    events = [
        {"name": "retry"},
        {"name": "exception", "attributes": attributes({"exception.type": "ValueError"})},
    ]

    named = pipeline.post_spans(span({"error.type": "timeout"}, status=failed(), events=events)).span
    unnamed = pipeline.post_spans(span(status=failed(), events=events)).span

    assert [row["error_type"] for row in (named, unnamed)] == ["timeout", "ValueError"]


# -- attribution


@pytest.mark.parametrize("names", [ATTRIBUTION, ATTRIBUTION | ALIASES], ids=["canonical", "aliases"])
def test_a_span_is_attributed_by_its_own_attributes_before_its_resources(
    pipeline: Pipeline, names: Mapping[str, str]
) -> None:
    of_span = {attribute: f"span's {column}" for column, attribute in names.items()}
    of_resource = {attribute: f"resource's {column}" for column, attribute in names.items()}

    posted = pipeline.post_spans(
        call(of_span, name="own"),
        call(name="inherited"),
        call(dict.fromkeys(of_span, ""), name="empty"),
        values=of_resource,
    )

    rows = by_name(posted.rows("spans"))
    assert {column: rows["own"][column] for column in names} == {column: f"span's {column}" for column in names}
    for row in (rows["inherited"], rows["empty"]):
        assert {column: row[column] for column in names} == {column: f"resource's {column}" for column in names}
    assert {row["team"] for row in posted.rows("ledger")} == {"span's team", "resource's team"}


def test_an_attribution_of_the_span_wins_under_any_of_its_names(pipeline: Pipeline) -> None:
    row = pipeline.post_spans(call({"spanledger.user": "span"}), values={"user.id": "resource"}).span

    assert row["user_id"] == "span"


def test_of_two_names_for_one_column_the_preferred_wins_in_any_order(pipeline: Pipeline) -> None:
    names = ("gen_ai.provider.name", "gen_ai.system")

    rows = [
        pipeline.post_spans(span({name: name for name in order} | {"gen_ai.operation.name": "chat"})).span
        for order in (names, names[::-1])
    ]

    assert [row["provider"] for row in rows] == ["gen_ai.provider.name"] * 2


def test_an_empty_preferred_name_leaves_the_column_to_the_next(pipeline: Pipeline) -> None:
    assert pipeline.post_spans(span({"gen_ai.provider.name": "", "gen_ai.system": "acme"})).span["provider"] == "acme"


def test_service_and_environment_are_the_resources_alone(pipeline: Pipeline) -> None:
    named = {"service.name": "a peer", "deployment.environment": "elsewhere"}

    rows = [
        pipeline.post_spans(span(named), values=of_resource).span
        for of_resource in ({"service.name": "web", "deployment.environment": "old style"}, {})
    ]

    assert [(row["service_name"], row["environment"]) for row in rows] == [("web", "old style"), ("", "")]


def test_a_resource_lends_its_spans_nothing_but_attribution(pipeline: Pipeline) -> None:
    usage = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, "error.type": "timeout"}

    posted = pipeline.post_spans(span(), values=usage)

    assert (posted.span["operation"], posted.span["input_tokens"], posted.span["status"]) == ("", None, "ok")
    assert posted.counts["ledger"] == 0


def test_tags_are_the_spans_over_the_resources(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(
        span({"spanledger.tag.plan": "gold"}), values={"spanledger.tag.plan": "none", "spanledger.tag.region": "eu"}
    )

    assert posted.span["tags"] == {"plan": "gold", "region": "eu"}


def test_the_view_of_one_span_reads_of_its_attributes_what_the_table_does(pipeline: Pipeline) -> None:
    span_id = bytes([7] * 8)
    values: dict[str, Value] = {
        "spanledger.tag.plan": "gold",
        "langfuse.trace.tags": ["a", "b"],
        "gen_ai.usage.odd_tokens": 3,
    }
    posted = pipeline.post_spans(call(values, span_id=span_id), values={"spanledger.tag.region": "eu"})

    [shown] = pipeline.ask(
        f"SELECT * FROM spanledger.span(trace_id='{bytes(range(1, 17)).hex()}', span_id='{span_id.hex()}', project='')"
    )

    told = ("attributes", "resource_attributes", "scope_attributes", "tags", "usage_raw", "reported_cost_usd")
    assert {name: shown[name] for name in told} == {name: posted.span[name] for name in told}
    assert (shown["tags"]["plan"], shown["usage_raw"]["gen_ai.usage.odd_tokens"]) == ("gold", "3")


def test_each_resource_and_scope_of_a_request_keeps_its_own(pipeline: Pipeline) -> None:
    posted = pipeline.post(
        request(
            resource(span(name="a"), values={"service.name": "web", "spanledger.team": "growth"}, scope="one"),
            resource(span(name="b"), values={"service.name": "job"}, scope="two"),
            resource(span(name="c"), scope="three"),
        )
    )

    assert {(row["name"], row["service_name"], row["team"], row["scope_name"]) for row in posted.rows("spans")} == {
        ("a", "web", "growth", "one"),
        ("b", "job", "", "two"),
        ("c", "", "", "three"),
    }


# -- bytes that are no text


def test_invalid_utf8_fails_nobody(pipeline: Pipeline) -> None:
    broken = call({"spanledger.team": "WRONGTEAM", "note": "WRONGNOTE", "list": ["WRONGLIST"]}, name="WRONGNAME")
    body = request(resource(broken, call(name="neighbour")))
    for word in (b"WRONGTEAM", b"WRONGNOTE", b"WRONGLIST", b"WRONGNAME"):
        body = body.replace(word, b"\xff\xfe" + word[2:])

    posted = pipeline.post(body)

    assert posted.counts == {"spans": 2, "ledger": 2, "rejected": 0, "deliveries": 1}
    [raw] = pipeline.ask(
        "SELECT hex(name) AS raw_name, hex(team) AS team, hex(attributes['note']) AS note, attributes['list'] AS list "
        f"FROM spanledger.spans WHERE segment = {posted.segment} AND name != 'neighbour'"
    )
    assert [bytes.fromhex(raw[column])[:2] for column in ("raw_name", "team", "note")] == [b"\xff\xfe"] * 3
    [element] = json.loads(raw["list"])
    assert base64.b64decode(element["any"]).endswith(b"\xff\xfeONGLIST")


# -- whatever else came reads back equal


def read_text(text: str, kind: str) -> AnyValue:
    """What `attributes` and `attribute_types` say that a value was; schemas/README.md has the rules."""
    match kind:
        case "string":
            return AnyValue(string_value=text)
        case "int":
            return AnyValue(int_value=int(text))
        case "double":
            return AnyValue(double_value=float(text))
        case "bool":
            return AnyValue(bool_value=text == "true")
        case "array":
            return AnyValue(array_value=ArrayValue(values=map(_element, json.loads(text))))
        case "kvlist":
            return AnyValue(kvlist_value=KeyValueList.FromString(base64.b64decode(text)))
        case "bytes":
            return AnyValue(bytes_value=base64.b64decode(text))
        case _:
            assert (kind, text) == ("unset", "")
            return AnyValue()


def _element(element: str | dict[str, str]) -> AnyValue:
    if isinstance(element, str):
        return AnyValue(string_value=element)
    return AnyValue.FromString(base64.b64decode(element["any"]))


def read_map(row: Row, column: str) -> dict[str, bytes]:
    texts, kinds = row[f"{column}s"], row[f"{column}_types"]
    assert len(texts) == len(kinds)
    return sent({key: read_text(text, kind) for (key, text), kind in zip(texts.items(), kinds, strict=True)})


def sent(values: Mapping[str, AnyValue]) -> dict[str, bytes]:
    """To compare by: as bytes, since NaN is not equal to itself."""
    return {key: value.SerializeToString(deterministic=True) for key, value in values.items()}


# Events and links keep their attributes as they came, AnyValues as bytes.
RAW = "arrayMap(a -> (hex(a.key), hex(a.value)), {})"


def read_raw(rows: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    return sent({bytes.fromhex(key).decode(): AnyValue.FromString(bytes.fromhex(value)) for key, value in rows})


CONTRACT = Contract.load()
NAMES = {*CONTRACT.numbers("inherited", "of_span", "of_resource")}
KEYS = st.text(max_size=20).filter(lambda key: key not in NAMES and not CONTRACT.is_content(key))
SCALARS = (
    st.builds(AnyValue)
    | st.builds(AnyValue, string_value=st.text() | st.text(min_size=120, max_size=140) | st.just("long " * 5000))
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats(allow_nan=False) | st.just(math.nan))
    | st.builds(AnyValue, bytes_value=st.binary(max_size=200))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda values: AnyValue(array_value=ArrayValue(values=values)))
        | st.dictionaries(st.text(max_size=5), inner, max_size=4).map(
            lambda values: AnyValue(kvlist_value=KeyValueList(values=attributes(values)))
        )
    ),
    max_leaves=12,
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=6)


@dataclass
class Told:
    """The attributes of a span, and of all that it has and that has it."""

    of_span: dict[str, AnyValue]
    of_resource: dict[str, AnyValue]
    of_scope: dict[str, AnyValue]
    of_event: dict[str, AnyValue]
    of_link: dict[str, AnyValue]

    def sent(self, number: int) -> ResourceSpans:
        event = Span.Event(name="an event", attributes=attributes(self.of_event))
        link = Span.Link(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, attributes=attributes(self.of_link))
        one = span(self.of_span, name=str(number), events=[event], links=[link])
        return resource(one, values=self.of_resource, scope_values=self.of_scope)


@settings(max_examples=12)
@given(st.lists(st.builds(Told, *[ATTRIBUTES] * 5), min_size=2, max_size=6))
def test_any_attribute_at_any_nesting_reads_back_equal(pipeline: Pipeline, told: list[Told]) -> None:
    posted = pipeline.post(request(*(one.sent(number) for number, one in enumerate(told))))

    rows = by_name(posted.rows("spans"))
    raw = by_name(
        pipeline.ask(
            f"SELECT name, {RAW.format('events[1].attributes')} AS of_event, {RAW.format('links[1].attributes')} AS of_link "
            f"FROM spanledger.spans WHERE segment = {posted.segment}"
        )
    )
    for number, one in enumerate(told):
        assert read_map(rows[str(number)], "attribute") == sent(one.of_span)
        assert read_map(rows[str(number)], "resource_attribute") == sent(one.of_resource)
        assert read_map(rows[str(number)], "scope_attribute") == sent(one.of_scope)
        assert read_raw(raw[str(number)]["of_event"]) == sent(one.of_event)
        assert read_raw(raw[str(number)]["of_link"]) == sent(one.of_link)


FIELD_KEYS = st.sampled_from(
    [source for field in CONTRACT.fields for source in field.sources if "→" not in source]
    + [document for document in CONTRACT.documents if not CONTRACT.is_content(document)]
)
# a resource feeds fewer fields, and what is named like content is not kept of it
RESOURCE_KEYS = FIELD_KEYS.filter(lambda key: not CONTRACT.is_content(key))
LIKELY = (
    VALUES
    | st.builds(AnyValue, int_value=st.integers(0, 200_000_000))
    | st.builds(AnyValue, double_value=st.integers(0, 10**14).map(lambda picodollars: picodollars / 10**12))
    | st.builds(AnyValue, double_value=st.integers(0, 10**12).map(lambda nanoseconds: nanoseconds / 10**9))
    | st.builds(AnyValue, string_value=st.sampled_from(["", "USD", "EUR", "0.25", "1200", "true", "[]", "gpt-4o"]))
    | st.builds(
        AnyValue, string_value=st.sampled_from(["OpenAI", "azure.chat", "LLM", "openrouter.ai:443", "http://a/"])
    )
    | st.builds(AnyValue, string_value=st.sampled_from(['{"input": 5}', '{"model": "m"}', '{"a": {"b": 1', '"stop"']))
)


FED = st.tuples(st.dictionaries(FIELD_KEYS, LIKELY, max_size=12), st.dictionaries(RESOURCE_KEYS, LIKELY, max_size=3))


@settings(max_examples=6)
@given(st.lists(FED, min_size=4, max_size=12))
def test_an_attribute_reads_back_equal_from_the_column_that_it_feeds(
    pipeline: Pipeline, told: list[tuple[dict[str, AnyValue], dict[str, AnyValue]]]
) -> None:
    posted = pipeline.post(
        request(
            *(
                resource(span(of_span, name=str(n)), span(of_span, name=str(n), trace_id=b"short"), values=of_resource)
                for n, (of_span, of_resource) in enumerate(told)
            )
        )
    )

    for table in ("spans", "rejected"):
        rows = by_name(posted.rows(table))
        for number, (of_span, of_resource) in enumerate(told):
            assert read_map(rows[str(number)], "attribute") == sent(of_span)
            assert read_map(rows[str(number)], "resource_attribute") == sent(of_resource)


@pytest.mark.parametrize("sample", recorded.SAMPLES)
def test_a_recorded_span_reads_back_equal_but_for_its_content(
    pipeline: Pipeline, samples: Mapping[str, Posted], sample: str
) -> None:
    sent_spans = {span.span_id.hex(): span for span in recorded.spans(sample)}
    posted = samples[sample]

    assert {row["span_id"] for row in posted.rows("spans")} == sent_spans.keys()
    for row in posted.rows("spans"):
        of_span = {a.key: a.value for a in sent_spans[row["span_id"]].attributes if not is_content(a.key)}
        assert read_map(row, "attribute") == sent(of_span)
    raw = pipeline.ask(
        f"SELECT span_id, arrayMap(e -> (e.name, {RAW.format('e.attributes')}), events) AS events FROM spanledger.spans "
        f"WHERE segment = {posted.segment}"
    )
    for row in raw:
        assert [(name, read_raw(values)) for name, values in row["events"]] == [
            (event.name, sent({a.key: a.value for a in event.attributes if not is_content(a.key)}))
            for event in sent_spans[row["span_id"]].events
        ]


def test_what_only_looks_like_content_is_kept_wherever_it_stands(pipeline: Pipeline) -> None:
    keys = {f"{prefix}output" for prefix in CONTRACT.raw["content"]["not"]} | {"gen_ai.token.type", "order.result"}
    values = attributes(dict.fromkeys(sorted(keys), "x"))

    row = pipeline.post_spans(
        span(
            dict.fromkeys(sorted(keys), "x"),
            events=[Span.Event(name="an event", attributes=values)],
            links=[Span.Link(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, attributes=values)],
        )
    ).span

    assert {*row["attributes"]} == keys
    for place in (*row["events"], *row["links"]):
        assert {attribute["key"] for attribute in place["attributes"]} == keys


def is_content(key: str) -> bool:
    return CONTRACT.is_content(key) and key not in {source for field in CONTRACT.fields for source in field.sources}


@pytest.mark.parametrize("length", [64, 65, 1536])
def test_an_array_is_json_up_to_64_elements_and_its_bytes_beyond(pipeline: Pipeline, length: int) -> None:
    value = any_value([*range(length - 1), "last " * 30])

    row = pipeline.post_spans(span({"list": value})).span

    assert row["attribute_types"] == ["array"]
    if length <= 64:
        assert read_map(row, "attribute") == sent({"list": value})
    else:
        assert ArrayValue.FromString(base64.b64decode(row["attributes"]["list"])) == value.array_value


ODD_VALUES = {
    "two members, the last one counts": b"\x0a\x03abc\x18\x05",
    "a member that OTLP has not": b"\x78\x01",
    "a member that OTLP has not, with content": b"\x7a\x03abc",
    "a length in more bytes than it needs": b"\x0a\x83\x00abc",
    "a number in more bytes than it needs": b"\x18\x85\x80\x00",
    "an array with a stranger in it": b"\x2a\x06\x78\x01\x0a\x02\x10\x01",
}


@pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES)
def test_a_value_that_nobody_writes_so_fails_nobody_and_loses_nothing(pipeline: Pipeline, value: bytes) -> None:
    keys = ["odd", "spanledger.team", "gen_ai.usage.input_tokens", "gen_ai.usage.cost.amount", "gen_ai.request.stream"]
    # protobuf's library would put the value into its usual form, so the attributes are written by hand
    attributes = b"".join(block(b"\x4a", block(b"\x0a", key.encode()) + block(b"\x12", value)) for key in keys)
    spans = [span(name="odd").SerializeToString() + attributes, call(name="next").SerializeToString()]
    odd = block(b"\x0a", block(b"\x12", b"".join(block(b"\x12", written) for written in spans)))
    check(Signal.TRACES, odd)

    posted = pipeline.post(odd)

    assert [posted.counts[table] for table in ("spans", "rejected", "deliveries")] == [2, 0, 1]
    kept = pipeline.ask(
        "SELECT hex(attribute_values['odd']) AS raw, length(attributes) AS read FROM spanledger.spans "
        f"WHERE segment = {posted.segment} AND name != 'next'"
    )
    assert kept[0]["raw"] == value.hex().upper() and kept[0]["read"] >= len(keys)


def test_a_column_that_repeats_an_attribute_does_so_alone(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call({"spanledger.team": "web", "gen_ai.usage.cost.amount": 0.25, "note": "mine"}))

    assert posted.span["attribute_values"].keys() == {"note"}
    assert posted.span["attributes"] == {
        "note": "mine",
        "spanledger.team": "web",
        "gen_ai.usage.cost.amount": "0.25",
        **{key: str(value) for key, value in CALL.items()},
    }


def test_events_and_links_keep_all_that_they_say(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(
        span(
            events=[
                Span.Event(name="first", time_unix_nano=5, dropped_attributes_count=2),
                Span.Event(name="second", time_unix_nano=2**64 - 1),
            ],
            links=[
                Span.Link(
                    trace_id=b"\xab" * 16, span_id=b"\xcd" * 8, trace_state="a=b", flags=1, dropped_attributes_count=3
                )
            ],
        )
    )

    events, [link] = posted.span["events"], posted.span["links"]
    assert [(event["name"], event["time_unix_nano"], event["dropped_attributes_count"]) for event in events] == [
        ("first", 5, 2),
        ("second", 2**64 - 1, 0),
    ]
    assert (link["trace_id"], link["span_id"], link["trace_state"]) == ("ab" * 16, "cd" * 8, "a=b")
    assert (link["flags"], link["dropped_attributes_count"]) == (1, 3)


# -- content (D13)

CONTENT_KEYS = [
    *CONTRACT.raw["content"]["names"],
    *(
        f"{prefix.replace('#', '7')}{name}"
        for prefix in CONTRACT.raw["content"]["prefixes"]
        for name in ("", "x", "a.b")
    ),
]


def tables_with(pipeline: Pipeline, words: list[str]) -> set[str]:
    """The tables that have one of these words anywhere in a row."""
    tables = [row["name"] for row in pipeline.ask("SHOW TABLES FROM spanledger WHERE engine LIKE '%MergeTree'")]
    search = f"multiSearchAny(toString(tuple(*)), {words})"
    return {table for table in tables if pipeline.ask(f"SELECT 1 FROM spanledger.{table} WHERE {search} LIMIT 1")}


def test_content_reaches_no_table(pipeline: Pipeline) -> None:
    """Under any of its keys, as any type, wherever attributes can be: in a span that is stored and in one that is refused."""
    words = iter(range(10**6))

    def secrets() -> dict[str, Value]:
        return {**{key: f"SECRET-{next(words)}" for key in CONTENT_KEYS}, "kept": "harmless"}

    def nested() -> dict[str, Value]:
        return {key: [f"SECRET-{next(words)}", {"inner": f"SECRET-{next(words)}"}] for key in CONTENT_KEYS}

    def everywhere(**fields: Any) -> Span:
        return call(
            secrets(),
            events=[
                Span.Event(name="an event", attributes=attributes(secrets())),
                Span.Event(name="another", attributes=attributes(nested())),
            ],
            links=[Span.Link(attributes=attributes(secrets())), Span.Link(attributes=attributes(nested()))],
            **fields,
        )

    posted = pipeline.post_spans(
        everywhere(), call(nested()), everywhere(trace_id=b"short"), values=secrets(), scope_values=secrets()
    )

    assert posted.counts == {"spans": 2, "ledger": 2, "rejected": 1, "deliveries": 1}
    encoded = [base64.b64encode(b"..SECRET-"[skip:]).decode()[4:10] for skip in range(3)]
    assert tables_with(pipeline, ["SECRET", *encoded]) == set()
    assert tables_with(pipeline, ["harmless"]) == {"spans", "rejected"}
    assert all(row["attributes"]["kept"] == "harmless" for row in posted.rows("rejected"))
    assert [row["resource_attributes"] for row in posted.rows("spans")] == [{"kept": "harmless"}] * 2


def test_a_name_that_only_begins_like_content_is_kept(pipeline: Pipeline) -> None:
    values: dict[str, Value] = {"gen_ai.prompt.name": "greeting", "gen_ai.input.messages.count": 3}

    assert pipeline.post_spans(span(values)).span["attributes"] == {
        "gen_ai.prompt.name": "greeting",
        "gen_ai.input.messages.count": "3",
    }


# -- the same segment twice (D15)


def test_nothing_in_the_pipeline_asks_the_clock_or_the_dice() -> None:
    for path in [*(SCHEMAS / "pipeline").glob("*.sql"), *(SCHEMAS / "functions").glob("*.sql")]:
        sql = re.sub(r"--.*", "", path.read_text())
        assert not re.search(
            r"\b(now|now64|today|yesterday|rand\w*|generate\w+|\w*uuid\w*|rowNumberInAllBlocks)\s*\(", sql, re.I
        ), path
