"""Which spans are ours: writes attribution on those that begin, and takes those that end and count."""

from __future__ import annotations

import os
import threading
import time
import weakref

from opentelemetry import trace
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
        self._parents: tuple[int, int] | None = None
        renew = weakref.WeakMethod(self._renew)

        def in_child() -> None:
            if method := renew():
                method()

        os.register_at_fork(after_in_child=in_child)

    def _renew(self) -> None:
        """In a forked child: another thread of the parent's may have held the lock, and the spans that are open belong to
        the parent, which ends them as well."""
        self._lock = threading.RLock()
        context = trace.get_current_span().get_span_context()
        self._parents = (context.trace_id, time.time_ns()) if context.is_valid else None

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
            if self._parents is not None and self._is_parents(span):
                return
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

    def _is_parents(self, span: ReadableSpan) -> bool:
        """Whether a span of the trace that this process was forked in began before that."""
        assert self._parents is not None
        trace_id, forked_at = self._parents
        return span.context is not None and span.context.trace_id == trace_id and (span.start_time or 0) < forked_at

    def _is_root_of_genai(self, span: ReadableSpan) -> bool:
        is_local_root = span.parent is None or span.parent.is_remote
        return is_local_root and span.context is not None and span.context.trace_id in self._genai_traces


def _has_genai_scope(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and is_genai_scope(scope.name)


def _is_sampled(span: ReadableSpan) -> bool:
    return span.context is not None and span.context.trace_flags.sampled
