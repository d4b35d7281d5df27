"""The app's log as JSON: a line leads to its trace, and nothing that is logged can break the line."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import logging.config
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import spanledger
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import Receiver, Run
from spanledger import JsonFormatter, attribute


class Log:
    """A logger of the app, and the lines that came out of it."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(formatter)
        self.logger = logging.Logger("shop.checkout")
        self.logger.addHandler(handler)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line, parse_constant=pytest.fail) for line in self._stream.getvalue().splitlines()]

    def line(self) -> dict[str, Any]:
        [line] = self.lines()
        return line


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    return Log(JsonFormatter())


@pytest.fixture
def tracer(app: TracerProvider) -> trace.Tracer:
    return app.get_tracer("app")


def test_the_stack_that_was_asked_for_is_written(log: Log) -> None:
    log.logger.info("who calls?", stack_info=True)
    stack = log.line()["attributes"]["code.stacktrace"]
    assert stack.startswith("Stack (most recent call last):") and "stack_info=True" in stack


class Sullen:
    """Says nothing about itself."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_a_line_has_the_names_of_opentelemetrys_log_data_model(log: Log) -> None:
    log.logger.warning("%d items for %s", 3, "acme")
    line = log.line()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "severity_text": "WARNING",
        "severity_number": 13,
        "body": "3 items for acme",
        "scope": {"name": "shop.checkout"},
    }


@pytest.mark.parametrize(
    ("level", "number"),
    [
        (5, 1),
        (logging.DEBUG, 5),
        (logging.INFO, 9),
        (25, 9),
        (logging.ERROR, 17),
        (logging.CRITICAL, 21),
        (99, 21),
    ],
)
def test_severities_are_opentelemetrys(log: Log, level: int, number: int) -> None:
    log.logger.handle(logging.LogRecord("l", level, "", 0, "m", None, None))
    assert log.line()["severity_number"] == number


def test_a_line_leads_to_the_span_that_it_was_written_in(log: Log, tracer: trace.Tracer) -> None:
    with tracer.start_as_current_span("request") as span:
        log.logger.info("inside")
    log.logger.info("outside")
    inside, outside = log.lines()
    context = span.get_span_context()
    assert inside["trace_id"] == f"{context.trace_id:032x}" and inside["span_id"] == f"{context.span_id:016x}"
    assert inside["trace_flags"] == f"{context.trace_flags:02x}"
    assert {"trace_id", "span_id", "trace_flags"}.isdisjoint(outside)


def test_a_line_has_the_attribution_in_force_and_extra_wins_over_it(log: Log) -> None:
    with attribute(team="search", customer="acme", tier="gold"):
        log.logger.info("one")
        log.logger.info("two", extra={"spanledger.customer": "globex", "items": 3})
    one, two = (line["attributes"] for line in log.lines())
    assert one == {"spanledger.team": "search", "spanledger.customer": "acme", "spanledger.tag.tier": "gold"}
    assert two == one | {"spanledger.customer": "globex", "items": 3}


def test_threads_and_tasks_write_their_own_trace_and_attribution(log: Log, tracer: trace.Tracer) -> None:
    expected: dict[str, tuple[str, str]] = {}

    def work(name: str) -> None:
        with attribute(team=name), tracer.start_as_current_span(name) as span:
            expected[name] = (f"{span.get_span_context().trace_id:032x}", name)
            log.logger.info(name)

    async def task(name: str, ready: asyncio.Barrier) -> None:
        with attribute(team=name), tracer.start_as_current_span(name) as span:
            await ready.wait()
            expected[name] = (f"{span.get_span_context().trace_id:032x}", name)
            log.logger.info(name)

    async def tasks() -> None:
        ready = asyncio.Barrier(2)
        await asyncio.gather(task("a", ready), task("b", ready))

    threads = [threading.Thread(target=work, args=[name]) for name in ("c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(tasks())
    assert {line["body"]: (line["trace_id"], line["attributes"]["spanledger.team"]) for line in log.lines()} == expected
    assert len(expected) == 4


def test_an_exception_is_told_by_type_message_and_stack(log: Log) -> None:
    try:
        dict[str, str]()["missing"]
    except KeyError:
        log.logger.exception("failed")
    attributes = log.line()["attributes"]
    assert attributes["exception.type"] == "KeyError" and attributes["exception.message"] == "'missing'"
    assert '["missing"]' in attributes["exception.stacktrace"]


def test_an_exception_that_cannot_be_written_is_told_by_its_type(log: Log) -> None:
    class SullenError(Sullen, Exception):
        pass

    try:
        raise SullenError
    except SullenError:
        log.logger.exception("failed")
    attributes = log.line()["attributes"]
    assert attributes["exception.type"].endswith("SullenError") and "SullenError" in attributes["exception.message"]


def test_exc_info_without_an_exception_is_no_exception(log: Log) -> None:
    log.logger.error("none", exc_info=True)
    assert "attributes" not in log.line()


@pytest.mark.parametrize(
    ("message", "arguments", "body"),
    [
        ("of %s", (Sullen(),), "of %s"),
        ("%d and %d", (1,), "%d and %d"),
        (Sullen(), (), "<sdk.test_logs.Sullen>"),
        ("100 %", (1,), "100 %"),
    ],
)
def test_a_message_that_cannot_be_formatted_is_written_as_it_is(
    log: Log, message: object, arguments: tuple[object, ...], body: str
) -> None:
    log.logger.info(message, *arguments)
    line = log.line()
    assert line["body"].endswith(body.rpartition(".")[2]) and "could not be written" in line["attributes"]["log.error"]


class Colour(Enum):
    RED = 1


@dataclass
class Completion:
    text: str = "what the model said"


class SullenMap(dict[str, object]):
    def items(self) -> Any:
        raise RuntimeError("no")


class Liar:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None), (True, True), (7, 7), (1.5, 1.5), ("text", "text"), (float("nan"), "nan"), (float("-inf"), "-inf"),
        (2**64, "0x10000000000000000"), (10**5000, hex(10**5000)), (Colour.RED, "RED"), (Decimal("0.10"), "0.10"),
        (Path("a/b"), "a/b"), ((1, "two"), [1, "two"]), ({1: {"a": None}}, {"1": {"a": None}}), ("\ud800", "?"),
        (ValueError("bad"), "bad"), (b"bytes", "<bytes>"), (object(), "<object>"), (SullenMap(), "<sdk.test_logs.SullenMap>"),
        (Sullen(), "<sdk.test_logs.Sullen>"), (Liar(), "<sdk.test_logs.Liar>"), ([Sullen()], ["<sdk.test_logs.Sullen>"]),
    ],
    ids=lambda value: type(value).__name__,  # many of them have no text
)  # fmt: skip
def test_an_extra_is_written_as_data_or_named_by_its_type(log: Log, value: object, written: object) -> None:
    log.logger.info("m", extra={"value": value})
    found = log.line()["attributes"]["value"]
    assert json.dumps(found).replace("tests.sdk.", "sdk.") == json.dumps(written)


def test_structures_without_an_end_end(log: Log) -> None:
    endless: list[Any] = []
    endless += [endless] * 1000
    log.logger.info("m", extra={"endless": endless, "wide": dict.fromkeys(range(100_000))})
    log.logger.info("after")
    assert [line["body"] for line in log.lines()] == ["m", "after"]


def test_what_was_said_is_not_logged(log: Log) -> None:
    said = "what the model said"
    extra = {
        "gen_ai.input.messages": said,
        "llm.prompts": [said],
        "request": {"gen_ai.prompt": said, "model": "gpt-4o"},
        "response": Completion(),
        "gen_ai.prompt.name": "summarise",
    }
    log.logger.info("called", extra=extra)
    line = log.line()
    assert said not in json.dumps(line)
    assert line["attributes"]["request"] == {"model": "gpt-4o"}
    assert line["attributes"]["gen_ai.prompt.name"] == "summarise"


def test_a_record_is_one_line_of_ascii(log: Log) -> None:
    record = logging.LogRecord("l", logging.INFO, "", 0, "two\nlines\u2028 für \ud800 Zoë", None, None)
    text = JsonFormatter().format(record)
    assert text.isascii() and len(text.splitlines()) == 1
    assert json.loads(text)["body"] == "two\nlines\u2028 für ? Zoë"


def test_a_broken_record_is_still_a_line() -> None:
    record = logging.makeLogRecord({"created": float("nan"), "msg": "m"})
    line = json.loads(JsonFormatter().format(record))
    assert line["severity_text"] == "ERROR" and "could not be written" in line["body"]


# -- where the service's name comes from


def service(formatter: logging.Formatter) -> str | None:
    line: dict[str, Any] = json.loads(formatter.format(logging.makeLogRecord({"msg": "m", "levelno": 20})))
    name: str | None = line.get("resource", {}).get("service.name")
    return name


def test_the_service_is_the_one_given_or_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    assert service(JsonFormatter(service="till")) == "till"
    assert service(JsonFormatter()) == "shop"


@pytest.fixture
def instrumented(collector: Receiver, app: TracerProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    spanledger.instrument(endpoint=collector.url, tracer_provider=app, service="checkout")
    yield
    spanledger.shutdown()


def test_or_that_of_instrument(instrumented: None) -> None:
    assert service(JsonFormatter()) == "checkout"
    spanledger.shutdown()
    assert service(JsonFormatter()) is None


def test_it_is_configured_by_name_as_any_formatter_is(run: Run) -> None:
    script = """
        import logging, logging.config
        logging.config.dictConfig({
            "version": 1,
            "formatters": {
                "by class": {"class": "spanledger.JsonFormatter", "format": "%(message)s"},
                "by call": {"()": "spanledger.JsonFormatter", "service": "shop"},
            },
            "handlers": {
                name: {"class": "logging.StreamHandler", "formatter": f"by {name}", "stream": "ext://sys.stdout"}
                for name in ("class", "call")
            },
            "root": {"handlers": ["class", "call"], "level": "INFO"},
        })
        handlers = logging.getLogger().handlers
        record = logging.makeLogRecord({"msg": "hello"})
        answer([json.loads(handler.format(record)).get("resource") for handler in handlers])
    """
    assert run(script) == [None, {"service.name": "shop"}]
