"""What is known of a stream that was not read to its end: counted as it passes, and put on its span.

A provider says what a stream cost with its last words. Where those never come, since the app stopped reading or the
connection broke, the provider bills all the same. Then the tokens are estimated: one for each four characters, rounded
up, of what was asked and of what had arrived. OpenAI and Anthropic both name that ratio for English text; it is low for
other scripts, and images, audio and cached input are not in it. The span says so: `spanledger.usage.estimated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import StatusCode
from opentelemetry.util.types import AttributeValue

from spanledger.conventions import ERROR_TYPE, FINISH_REASONS, INPUT_TOKENS, OUTPUT_TOKENS, USAGE_ESTIMATED
from spanledger.faults import faults

CHARACTERS_PER_TOKEN = 4

_OPEN = 10_000
_UNNAMED = frozenset({"", "_OTHER"})
_CANCELLED = frozenset({"cancelled", "CancelledError", "asyncio.exceptions.CancelledError", "GeneratorExit"})
_SAID = frozenset({"content", "text", "input", "instructions", "system", "arguments", "output", "parts"})


class Watch:
    """One streamed call: how much was asked and has arrived, in characters, and how it ends."""

    __slots__ = ("arrived", "asked", "bound", "complete", "dropped", "streaming", "usage")

    def __init__(self, request: Mapping[str, object]) -> None:
        self.asked = 0
        self.arrived = 0
        self.bound = False
        self.streaming = False
        """Whether there was a stream at all: a refused call costs nothing."""
        self.complete = False
        """Whether the provider's own figures have arrived."""
        self.dropped = False
        """Whether the app has closed the stream, or let go of it."""
        self.usage: Callable[[], Mapping[str, AttributeValue]] | None = None
        """What the provider's figures are, where the instrumentor does not see them."""
        try:
            self.asked = sum(_characters(request.get(name)) for name in ("messages", "input", "instructions", "system"))
        except Exception:
            faults.record("counting a request")


_expected: ContextVar[Watch | None] = ContextVar("spanledger_expected", default=None)
_watches: dict[int, Watch] = {}


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """The first GenAI span that begins inside is that of the watched stream."""
    token = _expected.set(watch)
    try:
        yield
    finally:
        _expected.reset(token)


def expect(span: Span) -> None:
    """A GenAI span begins."""
    watch = _expected.get()
    if watch is not None and not watch.bound and span.context is not None:
        watch.bound = True
        if len(_watches) >= _OPEN:
            _watches.pop(next(iter(_watches)), None)
        _watches[span.context.span_id] = watch


def settle(span: ReadableSpan) -> ReadableSpan:
    """The GenAI span that has ended, with what is known of its stream where that was not read to its end."""
    watch = _watches.pop(span.context.span_id, None) if _watches and span.context is not None else None
    if watch is None or not watch.streaming:
        return span
    attributes = span.attributes or {}
    error = str(attributes.get(ERROR_TYPE, ""))
    failed = span.status.status_code is StatusCode.ERROR
    known = _unseen(watch, attributes)
    if not (watch.dropped or error or failed):
        return _with(span, known) if known else span
    cancelled = watch.dropped or error in _CANCELLED
    if attributes.get(FINISH_REASONS, ("error",)) in (("error",), ()):
        known[FINISH_REASONS] = ("cancelled",) if cancelled else ("error",)
    if cancelled and error in _UNNAMED and failed:
        known[ERROR_TYPE] = "cancelled"
    if not watch.complete:
        reported = attributes.get(OUTPUT_TOKENS)
        known[OUTPUT_TOKENS] = max(_tokens(watch.arrived), reported if isinstance(reported, int) else 0)
        if INPUT_TOKENS not in attributes:
            known[INPUT_TOKENS] = _tokens(watch.asked)
        known[USAGE_ESTIMATED] = True
    return _with(span, known)


def _unseen(watch: Watch, attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Usage that is known of the stream, and not on its span."""
    if watch.usage is None or INPUT_TOKENS in attributes or "llm.token_count.prompt" in attributes:
        return {}
    try:
        return dict(watch.usage())
    except Exception:
        faults.record("reading usage")
        return {}


def _with(span: ReadableSpan, known: Mapping[str, AttributeValue]) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={**(span.attributes or {}), **known},
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def _characters(said: object, depth: int = 8) -> int:
    """Of the texts in a request, however nested. Addresses and bytes of images are not text."""
    if isinstance(said, str):
        return len(said)
    if depth == 0:
        return 0
    if isinstance(said, Mapping):
        return sum(_characters(value, depth - 1) for key, value in said.items() if key in _SAID)
    if isinstance(said, list | tuple):
        return sum(_characters(one, depth - 1) for one in said)
    return 0
