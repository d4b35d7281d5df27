"""One `instrument()`: the parts it put in place, in order, and how to take them out again."""

from __future__ import annotations

import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanledger import anthropic_streams, last_words, litellm_streams, threads
from spanledger.catalogue import ANTHROPIC, LITELLM, OPENAI, Library
from spanledger.config import Config
from spanledger.disk_queue import DiskQueue
from spanledger.libraries import Instrumentation, when_imported
from spanledger.openai_streams import OpenAIStreams
from spanledger.outbox import Outbox
from spanledger.patch import FunctionPatch, Patch
from spanledger.processor import LedgerProcessor
from spanledger.report import Report
from spanledger.sampling import FullRecording


class Session:
    """`open()` once, `close()` once; after a failed `open()`, `close()` takes out what was put in."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._notes = list(config.notes)
        self.outbox = Outbox(config, self._disk_queue())
        self.report = Report(enabled=False)
        self._recording: FullRecording | None = None
        self._instrumentation: Instrumentation | None = None
        self._patches: list[Patch | FunctionPatch] = []
        self._closed = False
        self._tracers: trace.TracerProvider = trace.NoOpTracerProvider()

    def open(self, given: trace.TracerProvider | None) -> None:
        provider, whose = self._provider(given)
        self._tracers = provider
        processor = LedgerProcessor(self.outbox, self._config.spans)
        provider.add_span_processor(processor)
        self._recording = FullRecording(provider, processor)
        self._patches += threads.carry()
        self._instrumentation = Instrumentation(provider, self._traced, self._config.redactor is not None)
        last_words.at_exit_of_celery_workers(self.outbox)
        if self._config.sigterm and not last_words.on_sigterm(self.outbox):
            self._notes.append("SIGTERM has a handler of the app's, or this is not the main thread: it is left alone")
        self.report = self._report(provider, whose)

    def tracer(self) -> trace.Tracer:
        return self._tracers.get_tracer("spanledger.record_call")

    def close(self, timeout: float) -> bool:
        last_words.undo()
        self._closed = True
        for patch in reversed(self._patches):
            patch.undo()
        if self._instrumentation is not None:
            self._instrumentation.undo()
        if self._recording is not None:
            self._recording.undo()
        return self.outbox.close(timeout)

    def _disk_queue(self) -> DiskQueue | None:
        if self._config.disk_queue is None:
            return None
        try:
            return DiskQueue(self._config.disk_queue, self._config.disk_queue_bytes)
        except (OSError, ValueError, ImportError) as error:
            self._notes.append(f"the disk queue is off: {error}")
            return None

    def _traced(self, library: Library) -> None:
        """Our own wrappers lie around those of the instrumentor."""
        if library is OPENAI:
            self._patches += OpenAIStreams(self._config.stream_usage).install()
        elif library is ANTHROPIC:
            when_imported("anthropic", self._watch_anthropic)
        elif library is LITELLM:
            self._patches += litellm_streams.install(sys.modules["litellm"])

    def _watch_anthropic(self, _: object) -> None:
        if not self._closed:
            self._patches += anthropic_streams.install()

    def _provider(self, given: trace.TracerProvider | None) -> tuple[Any, str]:
        """The provider to join, and whose it is. Any with `add_span_processor` will do, as the SDK's or a wrapper of
        it.
        """
        existing = given or trace.get_tracer_provider()
        if hasattr(existing, "add_span_processor"):
            return existing, "the app's own TracerProvider"
        resource = Resource.create(dict(self._config.resource))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        if isinstance(existing, trace.ProxyTracerProvider):
            trace.set_tracer_provider(provider)
            return provider, "a new TracerProvider, now the global one"
        return provider, f"a new TracerProvider beside {type(existing).__name__}, which takes no span processor"

    def _report(self, provider: Any, whose: str) -> Report:
        assert self._instrumentation is not None
        resource = getattr(provider, "resource", Resource.get_empty()).attributes
        service = self._config.resource.get("service.name") or str(resource.get("service.name", "unknown_service"))
        notes = list(self._notes)
        if service.startswith("unknown_service"):
            notes.append("the service has no name: set OTEL_SERVICE_NAME, or instrument(service=...)")
        sampler = getattr(provider, "sampler", None)
        if sampler is not None and "AlwaysOn" not in (described := sampler.get_description()):
            whose = f"{whose}, sampled by {described}"
        return Report(
            enabled=True,
            endpoint=self._config.endpoint,
            service=service,
            provider=whose,
            spans=(
                "every sampled span, and GenAI spans in full"
                if self._config.spans == "all"
                else "GenAI spans in full, and their local roots"
            ),
            libraries=self._instrumentation.libraries,
            notes=tuple(notes),
        )
