"""A span that no table should take is refused alone, with its reason; every span is either stored or refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any

from collector.pipeline.otlp import DAY, NOW_NS, SECOND, Pipeline, Posted, call, failed, request, resource, span
from collector.pipeline.together import together

NEVER = 2**64 - 1


@dataclass(frozen=True)
class Bad:
    reason: str
    fields: dict[str, Any]


def started(at: int) -> dict[str, Any]:
    return {"start_time_unix_nano": at, "end_time_unix_nano": at + SECOND}


REFUSED = {
    **{f"a trace id of {n} bytes": Bad("invalid_trace_id", {"trace_id": bytes([7]) * n}) for n in (0, 8, 15, 17, 32)},
    "a trace id of zeros": Bad("invalid_trace_id", {"trace_id": bytes(16)}),
    **{f"a span id of {n} bytes": Bad("invalid_span_id", {"span_id": bytes([7]) * n}) for n in (0, 7, 9, 16)},
    "a span id of zeros": Bad("invalid_span_id", {"span_id": bytes(8)}),
    **{f"a parent of {n} bytes": Bad("invalid_parent_span_id", {"parent_span_id": bytes(n)}) for n in (1, 7, 16, 20)},
    "no start": Bad("missing_start_time", started(0)),
    "a start too long ago": Bad("start_time_too_old", started(NOW_NS - 731 * DAY - 1)),
    "a start in 1970": Bad("start_time_too_old", started(1)),
    "a start in the future": Bad("start_time_in_future", started(NOW_NS + DAY + 1)),
    "a start at the end of time": Bad("start_time_in_future", {"start_time_unix_nano": NEVER, "end_time_unix_nano": NEVER}),
    "an end before the start": Bad("end_before_start", {"end_time_unix_nano": NOW_NS - 2 * SECOND - 1}),
    "no end": Bad("end_before_start", {"end_time_unix_nano": 0}),
    "an end in the future": Bad("end_time_in_future", {"end_time_unix_nano": NOW_NS + DAY + 1}),
    "an end at the end of time": Bad("end_time_in_future", {"end_time_unix_nano": NEVER}),
}  # fmt: skip


@together(
    "bad",
    REFUSED.values(),
    lambda bad: [call(name="before"), call(name="the bad one", **bad.fields), call(name="after")],
    ids=REFUSED,
)
def test_a_bad_span_is_refused_with_its_reason_and_its_neighbours_are_kept(stored: Posted, bad: Bad) -> None:
    assert [(row["name"], row["reason"]) for row in stored.rows("rejected")] == [("the bad one", bad.reason)]
    assert sorted(row["name"] for row in stored.rows("spans")) == ["after", "before"]
    assert stored.counts == {"spans": 2, "ledger": 2, "rejected": 1, "deliveries": 1}


@together(
    "fields",
    [
        started(NOW_NS - 731 * DAY),
        started(NOW_NS + DAY - SECOND),
        {"end_time_unix_nano": NOW_NS + DAY},
        {"end_time_unix_nano": NOW_NS - 2 * SECOND},
        {"parent_span_id": b""},
        {"parent_span_id": bytes([7]) * 8},
    ],
    lambda fields: call(**fields),
)
def test_a_span_at_the_very_limit_is_kept(stored: Posted, fields: dict[str, Any]) -> None:
    assert stored.counts == {"spans": 1, "ledger": 1, "rejected": 0, "deliveries": 1}


def test_a_refused_span_is_kept_as_it_came(pipeline: Pipeline) -> None:
    bad = span(
        {"model.price": 5, "list": ["a", 1]},
        trace_id=b"short",
        parent_span_id=b"\xab" * 8,
        name="a step",
        kind=3,
        status=failed("it broke"),
        events=[{"time_unix_nano": 5, "name": "retried"}],
    )

    [row] = pipeline.post_spans(bad, values={"service.name": "web"}, scope="lib", version="2").rows("rejected")

    assert {name: row[name] for name in ("trace_id", "span_id", "parent_span_id")} == {
        "trace_id": b"short".hex(),
        "span_id": "0102030405060708",
        "parent_span_id": "ab" * 8,
    }
    assert (row["name"], row["kind"], row["status_code"], row["status_message"]) == ("a step", "client", 2, "it broke")
    assert (row["service_name"], row["scope_name"], row["scope_version"]) == ("web", "lib", "2")
    assert (row["start_time_unix_nano"], row["end_time_unix_nano"]) == (NOW_NS - 2 * SECOND, NOW_NS - SECOND)
    assert row["attributes"] == {"model.price": "5", "list": '["a",{"any":"GAE="}]'}
    assert row["attribute_types"] == ["int", "array"]
    assert row["resource_attributes"] == {"service.name": "web"}
    assert [(event["name"], event["time_unix_nano"]) for event in row["events"]] == [("retried", 5)]


def test_spans_of_300_days_in_one_request_are_all_stored(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(*(call(**started(NOW_NS - day * DAY)) for day in range(300)))

    assert posted.counts == {"spans": 300, "ledger": 300, "rejected": 0, "deliveries": 1}


def test_what_was_accepted_is_what_was_stored_and_what_was_refused(pipeline: Pipeline) -> None:
    good, bad = call(), call(span_id=b"short")

    posted = pipeline.post(
        request(resource(good, bad), resource(bad, bad, good)),
        request(resource()),
        request(),
        request(resource(good)),
    )

    assert sorted(row["spans"] for row in posted.rows("deliveries")) == [0, 0, 1, 5]
    assert posted.counts == {"spans": 3, "ledger": 3, "rejected": 3, "deliveries": 4}


def test_a_delivery_says_whose_export_it_was_and_its_place_in_the_sequence(pipeline: Pipeline) -> None:
    def stamped(service: str, sequence: int, dropped: int) -> dict[str, Any]:
        return {
            "service.name": service,
            "spanledger.export.process": f"{service}-1",
            "spanledger.export.sequence": sequence,
            "spanledger.export.dropped": dropped,
            "spanledger.export.emitted": 1,
            "spanledger.export.sent": 1,
            "spanledger.export.started": 1,
            "spanledger.export.final": 1,
        }

    posted = pipeline.post(
        request(resource(call(), call(), values=stamped("web", 7, 2)), resource(call(), values=stamped("job", 1, 0))),
    )

    [delivery] = posted.rows("deliveries")
    assert [tuple(export.values())[:5] for export in delivery["exports"]] == [
        ("web", "web-1", 7, 2, 2),
        ("job", "job-1", 1, 0, 1),
    ]
    assert {tuple(row["resource_attributes"]) for row in posted.rows("spans")} == {("service.name",)}


def test_stamps_that_make_no_sense_are_no_stamps(pipeline: Pipeline) -> None:
    stamps = {"spanledger.export.process": 5, "spanledger.export.sequence": -1, "spanledger.export.dropped": "many"}

    [delivery] = pipeline.post_spans(call(), values=stamps).rows("deliveries")

    assert [tuple(export.values())[:5] for export in delivery["exports"]] == [("", "", 0, 0, 1)]


def test_the_stamps_of_a_request_are_read_whatever_they_hold(pipeline: Pipeline) -> None:
    stamps = {
        "process": "p",
        "sequence": 3,
        "emitted": 20,
        "sent": 15,
        "dropped": 2,
        "started": 1_700_000_000,
        "final": 1,
    }
    wrong = {"process": 7, "sequence": -1, "emitted": "x", "sent": None, "dropped": 1.5, "started": 2**62, "final": 2}

    def sent(values: dict[str, Any]) -> list[Any]:
        stamped = {f"spanledger.export.{name}": value for name, value in values.items()}
        [delivery] = pipeline.post(request(resource(call(), values=stamped))).rows("deliveries")
        return list(delivery["exports"][0].values())

    assert [*sent(stamps)[1:7], sent(stamps)[8]] == ["p", 3, 2, 1, 20, 15, True]
    assert sent(stamps)[7].replace(tzinfo=UTC).timestamp() == 1_700_000_000
    assert [*sent(wrong)[1:7], sent(wrong)[8]] == ["", 0, 0, 1, 0, 0, False]
