"""What `instrument()` did, for a person to read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of one library."""

    TRACED = "traced"
    """By what `instrument()` activated."""
    ALREADY_TRACED = "already traced"
    """By what the app activated before; left as it is, so that no call has two spans."""
    NOT_TRACED = "not traced"


@dataclass(frozen=True, slots=True)
class LibraryReport:
    """One client library."""

    name: str
    version: str
    """Empty where it is not installed."""
    state: State
    by: str = ""
    """Distribution and version, or module, of what traces it; empty where nothing does."""
    reason: str = ""
    """Why it is not traced, and what to do about it."""

    def __str__(self) -> str:
        library = f"{self.name} {self.version}".strip()
        return f"{library:<18} {self.state}" + (f" by {self.by}" if self.by else "") + _after(": ", self.reason)


@dataclass(frozen=True, slots=True)
class Report:
    """What is instrumented, by what, where its spans go, and what is not, and why. `print()` it."""

    enabled: bool
    reason: str = ""
    """Why spanledger is off, if it is."""
    endpoint: str = ""
    """URL that spans are posted to."""
    service: str = ""
    """`service.name` on the spans."""
    provider: str = ""
    """Whose TracerProvider is used."""
    spans: str = ""
    libraries: tuple[LibraryReport, ...] = ()
    notes: tuple[str, ...] = ()
    """What deserves a look."""

    def __str__(self) -> str:
        if not self.enabled:
            return f"spanledger is off: {self.reason}"
        lines = [
            f"spanledger is on, spans go to {self.endpoint}",
            f"  {'service':<18} {self.service}",
            f"  {'provider':<18} {self.provider}",
            f"  {'spans':<18} {self.spans}",
            *(f"  {library}" for library in self.libraries),
            *(f"  {'note':<18} {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def _after(separator: str, text: str) -> str:
    return f"{separator}{text}" if text else ""
