"""The contract of names: `schemas/attributes.yaml`, and how the SQL beside it takes its names and lists from there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from spanledger_collector.schemas_folder import SCHEMAS

# An attribute's number is field * PREFERENCES + preference, so that sorting by number sorts by field, then preference.
PREFERENCES = 64
# The number of an attribute that is not kept, content above all: above every field's.
LEFT_BEHIND = 65_535
_PLACEHOLDER = re.compile(r"@([a-z_][a-z0-9_]*)(?:\(([^()]*)\))?", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """A canonical field: its `name`, its `number` (from 1), and the attributes that feed it, best first."""

    name: str
    number: int
    sources: tuple[str, ...]


class Contract:
    """`attributes.yaml`, read and checked. Raises ValueError where one attribute feeds two fields."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        fields = raw["inherited"] | raw["of_resource"] | raw["of_span"]
        self.fields = tuple(
            Field(name, number, tuple(sources)) for number, (name, sources) in enumerate(fields.items(), start=1)
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
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    def numbers(self) -> dict[str, int]:
        """Attribute name to its number: which field it feeds and with what preference, or that it is left behind."""
        left_behind = dict.fromkeys([*self.raw["content"]["names"], *self.raw["delivery_stamps"]], LEFT_BEHIND)
        return left_behind | {
            source: field.number * PREFERENCES + preference
            for field in self.fields
            for preference, source in enumerate(field.sources)
        }

    def render(self, sql: str) -> str:
        """Fill the placeholders of an SQL file: `@field(name)`, `@number(key)`, `@is_content(key)`, and `@list` of this contract.

        Raises KeyError, naming it, for a placeholder that the contract does not know.
        """
        while (filled := _PLACEHOLDER.sub(self._fill, sql)) != sql:  # types are made of types
            sql = filled
        return sql

    def _fill(self, match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if argument is None:
            return self._placeholders[name]
        if name == "field":
            number = next((field.number for field in self.fields if field.name == argument), None)
            if number is None:
                raise KeyError(f"attributes.yaml has no field {argument}")
            return f"fields[{number}]"
        content = self.raw["content"]
        prefixes = " OR ".join(f"startsWith({argument}, {_quote(prefix)})" for prefix in content["prefixes"])
        if name == "is_content":
            return f"(has({_array(content['names'])}, {argument}) OR {prefixes})"
        if name == "number":
            numbers = self.numbers()
            return f"if({prefixes}, {LEFT_BEHIND}, transform({argument}, {_array(numbers)}, {_array(numbers.values())}, 0))"
        return self._placeholders[name] + f"({argument})"

    def _values(self) -> dict[str, str]:
        raw, limits = self.raw, self.raw["limits"]
        day = 86_400 * 10**9
        return {
            **raw["types"],
            "left_behind": str(LEFT_BEHIND),
            "last_field": str(len(self.fields)),
            "last_of_resource": str(len(raw["inherited"]) + len(raw["of_resource"])),
            "preferences": str(PREFERENCES),
            "billable_operations": _array(raw["billable_operations"]),
            "refusals": _array(raw["refusals"]),
            "standard_service_tiers": _array(raw["standard_service_tiers"]),
            "tag_prefix": _quote(raw["tag_prefix"]),
            "limit_tokens": str(limits["tokens"]),
            "limit_reported_cost": str(limits["reported_cost_usd"]),
            "limit_old_ns": str(limits["too_old_days"] * day),
            "limit_future_ns": str(limits["future_hours"] * day // 24),
        }


def _quote(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _array(values: Iterable[object]) -> str:
    return "[" + ", ".join(map(_quote, values)) + "]"
