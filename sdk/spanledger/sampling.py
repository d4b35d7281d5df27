"""GenAI spans are recorded in full, whatever the app's sampler says, and the app's own backend is none the wiser.

The spend of a call that was not sampled is spent all the same. Of the ways to see it, this one changes least: the GenAI
tracers of the app's own provider record what its sampler drops ("record only", which OpenTelemetry has for this), with
the same resource, ids and parents. The sampled flag stays off: it is what exporters, child spans and other services go
by. Such a span is shown to our processor alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, Tracer
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from spanledger.conventions import is_genai_scope


class FullRecording:
    """Applies to the GenAI tracers that a provider has, and to those it will give, until `undo()`."""

    def __init__(self, provider: trace.TracerProvider, ours: SpanProcessor) -> None:
        self._provider, self._ours = provider, ours
        self._app: list[tuple[Tracer, Sampler, Any]] = []
        # The SDK keeps its tracers by scope, in a private place; where a release has no such place, tracers that
        # instrumentors fetched before us stay sampled.
        for scope, tracer in list(getattr(provider, "_tracers", {}).items()):
            self._apply(tracer, scope.name)
        get_tracer = provider.get_tracer

        def get_recording_tracer(instrumenting_module_name: str, *args: Any, **kwargs: Any) -> trace.Tracer:
            tracer = get_tracer(instrumenting_module_name, *args, **kwargs)
            self._apply(tracer, instrumenting_module_name)
            return tracer

        vars(provider)["get_tracer"] = get_recording_tracer

    def undo(self) -> None:
        vars(self._provider).pop("get_tracer", None)
        for tracer, sampler, processor in self._app:
            tracer.sampler, tracer.span_processor = sampler, processor

    def _apply(self, tracer: trace.Tracer, scope: str) -> None:
        if is_genai_scope(scope) and isinstance(tracer, Tracer) and not isinstance(tracer.sampler, _RecordAll):
            self._app.append((tracer, tracer.sampler, tracer.span_processor))
            sampler = _RecordAll(tracer.sampler)
            tracer.sampler = sampler
            tracer.span_processor = _Show(tracer.span_processor, self._ours, sampler)  # type: ignore[assignment]


class _RecordAll(Sampler):
    """The app's sampler, but what it would drop is recorded, unsampled.

    OpenTelemetry's own `AlwaysRecordSampler` loses the attributes that such a span starts with.
    """

    def __init__(self, app: Sampler) -> None:
        self._app = app
        self.app_records_unsampled = False

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        result = self._app.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is Decision.DROP:
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        if result.decision is Decision.RECORD_ONLY:
            self.app_records_unsampled = True
        return result

    def get_description(self) -> str:
        return self._app.get_description()


class _Show(SpanProcessor):
    """The app's processors, ours among them, for a span that they would have had; else ours alone."""

    def __init__(self, app: SpanProcessor, ours: SpanProcessor, sampler: _RecordAll) -> None:
        self._app, self._ours, self._sampler = app, ours, sampler

    def _shown(self, span: ReadableSpan) -> SpanProcessor:
        # An app whose own sampler records unsampled spans means its processors to see them.
        context = span.context
        if (context is not None and context.trace_flags & TraceFlags.SAMPLED) or self._sampler.app_records_unsampled:
            return self._app
        return self._ours

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._shown(span).on_start(span, parent_context)

    def _on_ending(self, span: Span) -> None:
        self._shown(span)._on_ending(span)

    def on_end(self, span: ReadableSpan) -> None:
        self._shown(span).on_end(span)
