"""Takes e-mail addresses, numbers and keys out of what was said, before it leaves the process. Runs on the background thread.

The kinds are those that the collector takes out once more before it stores anything (`schemas/redaction.yaml`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from spanledger.redaction_patterns import PATTERNS

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue


def luhn(text: str) -> bool:
    """Whether its digits pass the check of card numbers (ISO/IEC 7812-1, annex B)."""
    digits = [ord(character) - 48 for character in reversed(text) if "0" <= character <= "9"]
    return (
        sum(digit if nth % 2 == 0 else 2 * digit // 10 + 2 * digit % 10 for nth, digit in enumerate(digits)) % 10 == 0
    )


def mod97(text: str) -> bool:
    """Whether it passes the check of IBANs (ISO 7064, MOD 97-10)."""
    number = text.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


_CHECKS: dict[str, Callable[[str], bool]] = {"": lambda text: True, "luhn": luhn, "mod97": mod97}


class Redactor:
    """Replaces what it finds by `[kind]`. `own`: kinds of the app, name to regular expression; ValueError for a wrong one."""

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        kinds = [(kind, "|".join(patterns), check) for kind, patterns, check in PATTERNS]
        for kind, pattern in (own or {}).items():
            try:
                if re.search(pattern, "", re.ASCII):
                    raise ValueError("it matches an empty text, so it would match everywhere")
            except (re.error, ValueError) as error:
                raise ValueError(f"redact: the pattern of {kind!r}, {pattern!r}: {error}") from error
            kinds.append((kind, pattern, ""))
        self._kinds = [(f"[{kind}]", re.compile(pattern, re.ASCII), _CHECKS[check]) for kind, pattern, check in kinds]

    def text(self, text: str) -> str:
        """`text`, redacted."""
        for hidden, pattern, passes in self._kinds:
            text = pattern.sub(lambda match: hidden if passes(match[0]) else match[0], text)  # noqa: B023
        return text

    def value(self, value: AnyValue) -> None:
        """Redact every string in an attribute's value, in place."""
        match value.WhichOneof("value"):
            case "string_value":
                value.string_value = self.text(value.string_value)
            case "array_value":
                for element in value.array_value.values:
                    self.value(element)
            case "kvlist_value":
                for pair in value.kvlist_value.values:
                    self.value(pair.value)
