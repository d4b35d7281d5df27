"""Activates what traces each client library in the catalogue, one instrumentor a library, nothing twice.

A library that the app has not imported yet is not imported for it: its instrumentor is activated with that import.
Frameworks take seconds to import, and an app that has one installed need not use it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import wrapt
from opentelemetry import trace

from spanledger.catalogue import CAPTURING, LIBRARIES, Instrumentor, Library
from spanledger.faults import faults
from spanledger.report import LibraryReport, State

logger = logging.getLogger("spanledger")

_NOT_OPENTELEMETRY = ("aws_xray_sdk", "ddtrace", "elasticapm", "newrelic", "sentry_sdk")
"""They wrap the same methods, but make no OpenTelemetry span: to us such a call is not traced yet."""


class Instrumentation:
    """Activates each library's instrumentor on one provider; `undo()` deactivates those it activated.

    on_traced: called with each library once its calls make spans, before the app has made one.
    """

    def __init__(
        self, provider: trace.TracerProvider, on_traced: Callable[[Library], None], capture_content: bool = False
    ) -> None:
        self._provider = provider
        self._capture_content = capture_content
        self._on_traced = on_traced
        self._activated: list[Any] = []
        self._environ: dict[str, str] = {}
        self._on = True
        if capture_content:
            self._set(CAPTURING)
        self.libraries = tuple(self._trace(library) for library in LIBRARIES)

    def undo(self) -> None:
        self._on = False
        for instrumentor in reversed(self._activated):
            try:
                instrumentor.uninstrument()
            except Exception:
                faults.record("uninstrumenting")
        self._activated.clear()
        for name, value in self._environ.items():
            if os.environ.get(name) == value:
                del os.environ[name]

    def _trace(self, library: Library) -> LibraryReport:
        try:
            installed = _version(library.name)
            if not installed or not _is_found(library.module):
                return LibraryReport(library.name, "", State.NOT_TRACED, reason="not installed")
            if _traces_itself(library):
                return self._native(library, installed)
            if library.instrumentor is None:
                reason = f"this version does not trace itself, pip install -U '{library.name}'"
                return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)
            if not _is_found(library.instrumentor.path.partition(":")[0]):
                reason = f"its instrumentor is missing, pip install 'spanledger[{library.extra}]'"
                return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)
            if library.module in sys.modules:
                return self._activate(library, library.instrumentor, installed)
            return self._activate_on_import(library, library.instrumentor, installed)
        except Exception as error:
            faults.record(f"instrumenting {library.name}")
            return LibraryReport(library.name, "", State.NOT_TRACED, reason=f"{type(error).__name__}: {error}")

    def _activate(self, library: Library, chosen: Instrumentor, installed: str) -> LibraryReport:
        if wrappers := _foreign_wrappers(library):
            self._on_traced(library)
            return LibraryReport(library.name, installed, State.ALREADY_TRACED, wrappers[0])
        module, _, name = chosen.path.partition(":")
        try:
            instrumentor = getattr(import_module(module), name)()
            if instrumentor.is_instrumented_by_opentelemetry:
                self._on_traced(library)
                return LibraryReport(library.name, installed, State.ALREADY_TRACED, module)
            if not self._capture_content:
                self._set(chosen.environ)
            options: dict[str, object] = {"raise_exception_on_conflict": True, **chosen.options}
            instrumentor.instrument(tracer_provider=self._provider, **options)
        except ModuleNotFoundError as error:
            reason = f"its instrumentor does not load ({error}), pip install -U 'spanledger[{library.extra}]'"
            return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)
        except Exception as error:
            faults.record(f"instrumenting {library.name}")
            return LibraryReport(library.name, installed, State.NOT_TRACED, reason=f"{type(error).__name__}: {error}")
        self._activated.append(instrumentor)
        self._on_traced(library)
        return LibraryReport(library.name, installed, State.TRACED, _dated(chosen.distribution))

    def _activate_on_import(self, library: Library, chosen: Instrumentor, installed: str) -> LibraryReport:
        def imported(_: object) -> None:
            if self._on:  # an import hook cannot be taken back
                report = self._activate(library, chosen, installed)
                if report.state is State.NOT_TRACED:
                    logger.warning("spanledger: %s", report)

        when_imported(library.module, imported)
        return LibraryReport(library.name, installed, State.TRACED, _dated(chosen.distribution), "once it is imported")

    def _native(self, library: Library, installed: str) -> LibraryReport:
        """The library traces itself, on the global provider: nothing is added, that would be a second span a call."""
        native = library.native
        assert native is not None
        wrappers = _foreign_wrappers(library) if library.module in sys.modules else []
        said = os.environ.get(native.switch, "").strip().lower() if native.switch else ""
        if said in native.off:
            if wrappers:
                return LibraryReport(library.name, installed, State.ALREADY_TRACED, wrappers[0])
            reason = f"{native.switch}={said} turns its own tracing off"
            return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)
        self._on_traced(library)  # also where only the clients that are given a provider of their own make spans
        if self._provider is not trace.get_tracer_provider():
            reason = "it traces itself on the global TracerProvider, which is not the one given"
            return LibraryReport(library.name, installed, State.NOT_TRACED, reason=reason)
        if native.on:
            self._set({native.switch: native.on})
        reason = f"{wrappers[0]} traces it as well, each call has two spans" if wrappers else ""
        return LibraryReport(library.name, installed, State.TRACED, f"{library.name} itself", reason)

    def _set(self, environ: Mapping[str, str]) -> None:
        for name, value in environ.items():
            if not os.environ.get(name):
                os.environ[name] = self._environ[name] = value


def when_imported(module: str, hook: Callable[[object], None]) -> None:
    """Calls `hook` once the module is imported: now, where it is already. What it raises stays here."""

    def guarded(imported: object) -> None:
        try:
            hook(imported)
        except Exception:
            faults.record(f"import of {module}")

    wrapt.register_post_import_hook(guarded, module)


def _traces_itself(library: Library) -> bool:
    """Whether the installed version has the module of its native tracing; found without importing the library."""
    return library.native is not None and _is_found(library.native.module)


def _is_found(name: str) -> bool:
    """Whether a module is there; only namespace packages above it are imported, and those hold no code."""
    top, _, rest = name.partition(".")
    try:
        if name in sys.modules:
            return sys.modules[name] is not None
        spec = find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = spec.submodule_search_locations
    for part in rest.split(".") if rest else ():
        parent, top = top, f"{top}.{part}"
        try:
            spec = PathFinder.find_spec(top, places)
        except KeyError:  # a namespace package is looked for by way of the package above it, which has to be there
            import_module(parent)
            spec = PathFinder.find_spec(top, places)
        if spec is None:
            return False
        places = spec.submodule_search_locations
    return True


def _foreign_wrappers(library: Library) -> list[str]:
    return [owner for owner in _wrappers(library) if not owner.startswith(_NOT_OPENTELEMETRY)]


def _wrappers(library: Library) -> Iterator[str]:
    """Modules, outermost first, that have wrapped one of the methods of a library in use."""
    own = (library.module.partition(".")[0], "boto3", "builtins", "contextlib", "functools", "spanledger")
    for path in library.wrapped:
        module, _, attributes = path.partition(":")
        owner, _, name = attributes.partition(".")
        target = getattr(import_module(module), owner, None)
        function = _static(target, name) if name and target is not None else target
        while function is not None:
            # `functools.wraps` copies `__module__`; a function's globals, and a wrapt wrapper's wrapper, do not lie.
            code: Any = getattr(function, "_self_wrapper", function)
            where = getattr(code, "__globals__", {}).get("__name__") or type(code).__module__
            if where.partition(".")[0] not in own:
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
