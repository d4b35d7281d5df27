"""The contract of names: `schemas/attributes.yaml`, and how the SQL beside it takes its names and lists from there."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spanledger_collector import redaction, yaml_file
from spanledger_collector.error_classes import error_classes
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.windows import WHOLE_HOURS_FROM, Window, burn_windows

# An attribute's number is kind, field and preference, a byte each, so that sorting by number sorts by field, then preference.
# The kind says whether a column holds all that the attribute says, and as which type (attributes.yaml, `columns`).
KINDS = {"none": 0, "string": 1, "int": 2, "bool": 3, "double": 4}
# Added to the numbers of a resource's attributes where they stand behind a span's own.
OF_RESOURCE = 2**31
# The number of an attribute that is not kept, content above all: above every field's.
LEFT_BEHIND = 2**32 - 1
_PLACEHOLDER = re.compile(r"@([a-z_][a-z0-9_]*)(?:\(([^()]*)\))?", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """A canonical field: its `name`, its `number` (from 1), the attributes that feed it, best first, and the type that an
    attribute has of which its column says all; `none` where the column says less."""

    name: str
    number: int
    sources: tuple[str, ...]
    kind: str

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each of its attributes."""
        first = KINDS[self.kind] << 16 | self.number << 8
        return {source: first + preference for preference, source in enumerate(self.sources)}


@dataclass(frozen=True)
class Code:
    """An attribute that need not be kept, since `column` says all that it said; and the type that it had."""

    code: str
    key: str
    column: str
    type: str


class Contract:
    """`attributes.yaml`, read and checked. Raises ValueError where one attribute feeds two fields."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        fields = raw["inherited"] | raw["of_span"] | raw["of_resource"]
        kinds = {column: kind for kind, columns in raw["columns"].items() for column in columns}
        self.fields = tuple(
            Field(name, number, tuple(sources), kinds.get(name, "none"))
            for number, (name, sources) in enumerate(fields.items(), start=1)
        )
        seen: dict[str, str] = {}
        for field in self.fields:
            for source in field.sources:
                if source in seen:
                    raise ValueError(f"attributes.yaml: {source} feeds both {seen[source]} and {field.name}")
                seen[source] = field.name
        self._placeholders = self._values()

    @classmethod
    def load(cls, path: Path = SCHEMAS / "attributes.yaml") -> Contract:
        return cls(yaml_file.read(path))

    def numbers(self, *groups: str) -> dict[str, int]:
        """Attribute name to its number, of the fields in these groups: what it feeds, or that it is left behind."""
        left_behind = dict.fromkeys([*self.raw["content"]["names"], *self.raw["delivery_stamps"]], LEFT_BEHIND)
        names = {name for group in groups for name in self.raw[group]}
        return left_behind | {
            source: number for field in self.fields if field.name in names for source, number in field.numbers.items()
        }

    @cached_property
    def codes(self) -> tuple[Code, ...]:
        """The codes of `attribute_codes`. Each is made of attribute and column, so that it never changes its meaning."""
        return tuple(
            Code(f"{zlib.crc32(f'{source} {field.name}'.encode()):08x}", source, field.name, field.kind)
            for field in self.fields
            if field.kind != "none"
            for source in field.sources
        )

    def render(self, sql: str, pasted: Mapping[str, str] | None = None) -> str:
        """Fill the placeholders of an SQL file: `@field(name)`, `@span_number(key)`, `@is_content(key)`, `@redacted(text)`, and
        `@list` of this contract.

        `pasted`: what stands for further ones. It comes last and is taken as it is: an @ in it is text.
        Raises KeyError, naming it, for a placeholder that neither knows.
        """
        own = pasted or {}

        def fill(match: re.Match[str]) -> str:
            return match[0] if match[1] in own else self._fill(match)

        while (filled := _PLACEHOLDER.sub(fill, sql)) != sql:  # types are made of types
            sql = filled
        return re.sub(rf"@({'|'.join(own)})\b", lambda match: own[match[1]], sql) if own else sql

    def _fill(self, match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if argument is None:
            return self._placeholders[name]
        content = self.raw["content"]
        prefixes = " OR ".join(f"startsWith({argument}, {_quote(prefix)})" for prefix in content["prefixes"])
        match name:
            case "field":
                return f"fields[{self._field(argument).number}]"
            case "field_of":
                return str(min(self._field(argument).numbers.values()) >> 8)
            case "redacted":
                return redaction.sql(argument, redaction.shipped())
            case "is_content":
                return f"(has({_array(content['names'])}, {argument}) OR {prefixes})"
            case "span_number" | "resource_number":
                numbers = self.numbers("inherited", "of_span" if name == "span_number" else "of_resource")
                found = f"transform({argument}, {_array(numbers)}, {_array(numbers.values())}, toUInt32(0))"
                return f"if({prefixes}, {LEFT_BEHIND}, {found})"
            case "key_of":
                keys = {number: source for source, number in self._numbers.items()}
                return f"transform({argument}, {_array(keys)}, {_array(keys.values())}, '')"
            case "code":
                codes = {self._numbers[code.key]: code.code for code in self.codes}
                return f"transform({argument}, {_array(codes)}, {_array(codes.values())}, '')"
        return self._placeholders[name] + f"({argument})"

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {source: number for field in self.fields for source, number in field.numbers.items()}

    def _field(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"attributes.yaml has no field {name}")

    def _values(self) -> dict[str, str]:
        raw, limits = self.raw, self.raw["limits"]
        day = 86_400 * 10**9
        classes = error_classes()
        return {
            **raw["types"],
            **raw["clauses"],
            "left_behind": str(LEFT_BEHIND),
            "of_resource": str(OF_RESOURCE),
            **{f"kind_{kind}": str(number) for kind, number in KINDS.items()},
            "billable_operations": _array(raw["billable_operations"]),
            "refusals": _array(raw["refusals"]),
            "standard_service_tiers": _array(raw["standard_service_tiers"]),
            "tag_prefix": _quote(raw["tag_prefix"]),
            "limit_tokens": str(limits["tokens"]),
            "limit_reported_cost": str(limits["reported_cost_usd"]),
            "limit_old_ns": str(limits["too_old_days"] * day),
            "future_hours": str(limits["future_hours"]),
            "limit_future_ns": str(limits["future_hours"] * day // 24),
            "error_types": _array(classes),
            "classes_of_error_types": _array(classes.values()),
            **_of_windows(burn_windows()),
        }


def _of_windows(windows: tuple[Window, ...]) -> dict[str, str]:
    rows = (f"({_quote(w.severity)}, {w.factor}, {w.long}, {w.short})" for w in windows)
    lengths = [length for w in windows for length in (w.long, w.short)]
    return {
        "burn_windows": f"[{', '.join(rows)}]",
        "longest_window": str(max(lengths)),
        "longest_window_of_minutes": str(max(length for length in lengths if length < WHOLE_HOURS_FROM)),
        "whole_hours_from": str(WHOLE_HOURS_FROM),
    }


def _quote(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _array(values: Iterable[object]) -> str:
    return "[" + ", ".join(map(_quote, values)) + "]"
