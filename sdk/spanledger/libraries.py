"""Client libraries, and the one instrumentor that is activated for each.

An instrumentor is loaded by its module path, never by entry point: several dialects register the same entry point, and
each of them would add its own span to every call.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from opentelemetry import trace

from spanledger.faults import faults
from spanledger.report import LibraryReport, State

_NOT_OPENTELEMETRY = ("ddtrace", "elasticapm", "newrelic", "sentry_sdk")
"""They wrap the same methods, but make no OpenTelemetry span: to us such a call is not traced yet."""


@dataclass(frozen=True, slots=True)
class Library:
    """A client library and its instrumentor; name, module and extra of ours are the same."""

    name: str
    instrumentor: str
    """`module:class`."""
    distribution: str
    entry_points: tuple[str, ...]
    """`module:attribute.path` of what instrumentors of any dialect wrap."""
    native_tracing: str = ""
    """Module with which newer versions trace themselves."""
    native_switch: str = ""
    """Environment variable that turns that off when it says false."""


OPENAI = Library(
    name="openai",
    instrumentor="opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
    distribution="opentelemetry-instrumentation-genai-openai",
    entry_points=("openai.resources.chat.completions:Completions.create", "openai:OpenAI.request"),
)
ANTHROPIC = Library(
    name="anthropic",
    instrumentor="opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
    distribution="opentelemetry-instrumentation-genai-anthropic",
    entry_points=("anthropic.resources.messages:Messages.create", "anthropic:Anthropic.request"),
    native_tracing="anthropic._tracing",
    native_switch="ANTHROPIC_OPEN_TELEMETRY",
)
SUPPORTED = (OPENAI, ANTHROPIC)

_OTHERS = ("google.genai", "mistralai", "cohere", "groq", "ollama", "litellm")


class Instrumentation:
    """Activates each supported library's instrumentor on one provider; `undo()` deactivates those it activated."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._provider = provider
        self._activated: list[Any] = []
        self.libraries = (*(self._instrument(library) for library in SUPPORTED), *_unsupported())

    def undo(self) -> None:
        for instrumentor in self._activated:
            instrumentor.uninstrument()
        self._activated.clear()

    def traces(self, library: Library) -> bool:
        """Whether the library's calls make spans now, ours or the app's doing."""
        return any(one.name == library.name and one.state is not State.NOT_TRACED for one in self.libraries)

    def _instrument(self, library: Library) -> LibraryReport:
        def not_traced(reason: str) -> LibraryReport:
            return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)

        installed = _version(library.name)
        if find_spec(library.name) is None:
            return not_traced("not installed")
        try:
            wrappers = [owner for owner in _wrappers(library) if not owner.startswith(_NOT_OPENTELEMETRY)]
            if _traces_itself(library):
                return self._native(library, installed, wrappers)
            if wrappers:
                return LibraryReport(library.name, installed, State.ALREADY_TRACED, wrappers[0])
            module, _, name = library.instrumentor.partition(":")
            try:
                instrumentor = getattr(import_module(module), name)()
            except ModuleNotFoundError:
                return not_traced(f"its instrumentor is missing, pip install 'spanledger[{library.name}]'")
            instrumentor.instrument(tracer_provider=self._provider, raise_exception_on_conflict=True)
        except Exception as error:
            faults.record(f"instrumenting {library.name}")
            return not_traced(f"{type(error).__name__}: {error}")
        self._activated.append(instrumentor)
        return LibraryReport(library.name, installed, State.TRACED, _dated(library.distribution))

    def _native(self, library: Library, installed: str, wrappers: list[str]) -> LibraryReport:
        """The library traces itself, on the global provider: nothing is added, that would be a second span a call."""
        if os.environ.get(library.native_switch, "").strip().lower() == "false":
            if wrappers:
                return LibraryReport(library.name, installed, State.ALREADY_TRACED, wrappers[0])
            reason = f"{library.native_switch}=false turns its own tracing off"
            return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)
        if self._provider is not trace.get_tracer_provider():
            reason = "it traces itself on the global TracerProvider, which is not the one given"
            return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)
        reason = f"{wrappers[0]} traces it as well, each call has two spans" if wrappers else ""
        return LibraryReport(library.name, installed, State.TRACED, f"{library.name} itself", reason)


def _unsupported() -> Iterator[LibraryReport]:
    for name in _OTHERS:
        if _is_installed(name):
            reason = (
                "spanledger does not activate an instrumentor for it; GenAI spans of one that you activate are sent"
            )
            yield LibraryReport(name, "", State.NOT_TRACED, reason=reason)


def _traces_itself(library: Library) -> bool:
    """Whether the installed version has the module of its native tracing; found without importing the library."""
    package = find_spec(library.name)
    places = package.submodule_search_locations if package else None
    return bool(library.native_tracing) and PathFinder.find_spec(library.native_tracing, places) is not None


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False


def _wrappers(library: Library) -> Iterator[str]:
    """Modules, outermost first, that have wrapped one of the library's methods."""
    if library.name not in sys.modules:
        return  # nobody can have wrapped it, and an app that has it installed need not use it
    for path in library.entry_points:
        module, _, attributes = path.partition(":")
        owner, _, name = attributes.partition(".")
        function = _static(getattr(import_module(module), owner), name)
        while function is not None:
            # `functools.wraps` copies `__module__`; a function's globals, and a wrapt wrapper's wrapper, do not lie.
            code: Any = getattr(function, "_self_wrapper", function)
            where = getattr(code, "__globals__", {}).get("__name__") or type(code).__module__
            if where.partition(".")[0] not in (library.name, "builtins", "functools"):
                yield where
            function = getattr(function, "__wrapped__", None)


def _static(owner: type, name: str) -> Any:
    """A method without binding it."""
    return next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), None)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _dated(distribution: str) -> str:
    return f"{distribution} {_version(distribution)}".strip()
