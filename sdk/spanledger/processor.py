"""Which spans are ours: writes attribution on those that begin, and takes those that end and count."""

from __future__ import annotations

import threading

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from spanledger.attribution import current
from spanledger.config import Spans
from spanledger.conventions import has_genai_attribute, is_genai_scope
from spanledger.faults import faults
from spanledger.outbox import Outbox
from spanledger.partial import expect, settle

_TRACES_REMEMBERED = 10_000


class LedgerProcessor(SpanProcessor):
    """GenAI spans and their local roots go to the outbox; with `spans="all"`, every sampled span.

    The local root is the span of this process that has no parent here: the request handler, the job, the script. It is
    taken when a GenAI span of its trace began before it ended, so that a call has its endpoint's name.
    """

    def __init__(self, outbox: Outbox, spans: Spans) -> None:
        self._outbox = outbox
        self._all = spans == "all"
        self._lock = threading.RLock()
        self._genai_traces: dict[int, None] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            frame = current(parent_context)
            if frame is not None:
                attributes, own = frame.attributes, span.attributes or {}
                if not attributes.keys().isdisjoint(own):
                    attributes = {key: value for key, value in attributes.items() if key not in own}
                span.set_attributes(attributes)
            genai = _has_genai_scope(span)
            if genai:
                expect(span)
            if genai or has_genai_attribute(span.attributes or ()):
                self._remember(span)
        except Exception:
            faults.record("on_start")

    def on_end(self, span: ReadableSpan) -> None:
        try:
            if _has_genai_scope(span):
                self._outbox.put(settle(span))
            elif has_genai_attribute(span.attributes or ()):
                self._remember(span)
                self._outbox.put(span)
            elif _is_sampled(span) and (self._all or self._is_root_of_genai(span)):
                self._outbox.put(span)
        except Exception:
            faults.record("on_end")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._outbox.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        self._outbox.close(timeout=5.0)

    def _remember(self, span: ReadableSpan) -> None:
        if span.context is None or span.parent is None:
            return
        with self._lock:
            self._genai_traces[span.context.trace_id] = None
            if len(self._genai_traces) > _TRACES_REMEMBERED:
                del self._genai_traces[next(iter(self._genai_traces))]

    def _is_root_of_genai(self, span: ReadableSpan) -> bool:
        is_local_root = span.parent is None or span.parent.is_remote
        return is_local_root and span.context is not None and span.context.trace_id in self._genai_traces


def _has_genai_scope(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and is_genai_scope(scope.name)


def _is_sampled(span: ReadableSpan) -> bool:
    return span.context is not None and span.context.trace_flags.sampled
