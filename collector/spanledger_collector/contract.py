"""The contract of names: `schemas/attributes.yaml`, and the SQL functions made from it (`python -m spanledger_collector.contract`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from spanledger_collector.schemas_folder import SCHEMAS

HEADER = "-- Made from attributes.yaml by `make generate`; edit that file, not this one.\n"
# An attribute's number is field * PREFERENCES + preference, so that sorting by number sorts by field, then preference.
PREFERENCES = 64
# The number of an attribute that holds content: above every field's.
CONTENT = 65_535


@dataclass(frozen=True)
class Field:
    """A canonical field: `name`, its `number` (from 1), its `type`, where it may stand, and its sources, best first."""

    name: str
    number: int
    type: str
    where: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """`attributes.yaml`, read and checked. Raises ValueError where a source feeds two fields."""

    fields: tuple[Field, ...]
    raw: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path = SCHEMAS / "attributes.yaml") -> Contract:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        fields = tuple(
            Field(name, number, spec["type"], spec.get("where", "span"), tuple(spec["sources"]))
            for number, (name, spec) in enumerate(raw["fields"].items(), start=1)
        )
        seen: dict[str, str] = {}
        for field in fields:
            for source in field.sources:
                if source in seen:
                    raise ValueError(f"attributes.yaml: {source} feeds both {seen[source]} and {field.name}")
                seen[source] = field.name
        return cls(fields, raw)

    def numbers(self) -> dict[str, int]:
        """Attribute name to its number: which field it feeds, and with what preference."""
        return {
            source: field.number * PREFERENCES + preference
            for field in self.fields
            for preference, source in enumerate(field.sources)
        }

    def functions(self) -> dict[str, str]:
        """The generated SQL functions: file name to text."""
        raw, limits = self.raw, self.raw["limits"]
        numbers, content = self.numbers(), raw["content"]
        names = [field.name for field in self.fields]
        is_content = " OR ".join(f"startsWith(key, '{prefix}')" for prefix in content["prefixes"])
        keys, values = [*numbers, *content["names"]], [*numbers.values(), *[CONTENT] * len(content["names"])]
        return {
            "attribute_number.sql": _function(
                "spanledger_attribute_number",
                "key",
                f"if({is_content}, {CONTENT}, transform(key, {_array(keys)}, {_array(values)}, 0))",
                f"Which field an attribute feeds: field number * {PREFERENCES} + preference; 0 for none, {CONTENT} for content (D13).",
            ),
            "attribute_field.sql": _function(
                "spanledger_attribute_field",
                "number",
                f"bitShiftRight(number, {PREFERENCES.bit_length() - 1})",
                "The field number within an attribute number.",
            ),
            "field.sql": _function(
                "spanledger_field",
                "field, fields, texts",
                f"texts[indexOf(fields, transform(field, {_array(names)}, {_array(range(1, len(names) + 1))}, 0))]",
                "The text of a canonical field, by its name; '' where no attribute fed it. `fields` is sorted by preference.",
            ),
            "is_content.sql": _function(
                "spanledger_is_content",
                "number",
                f"number = {CONTENT}",
                "Is the attribute of this number a prompt, a completion, or part of one?",
            ),
            "is_delivery_stamp.sql": _function(
                "spanledger_is_delivery_stamp",
                "key",
                f"has({_array(raw['delivery_stamps'])}, key)",
                "Is this attribute a stamp of the export, not of the resource (D12)?",
            ),
            "is_billable.sql": _function(
                "spanledger_is_billable",
                "operation",
                f"operation IN {_tuple(raw['billable_operations'])}",
                "Is this operation one call of a model, billed once?",
            ),
            "is_refusal.sql": _function(
                "spanledger_is_refusal",
                "error_type",
                f"has({_array(raw['refusals'])}, arrayElement(splitByChar('.', error_type), -1))",
                "Does this error mean that the provider refused the call, and so did not bill it?",
            ),
            "priced_tier.sql": _function(
                "spanledger_priced_tier",
                "service_tier",
                f"if(service_tier IN {_tuple(raw['standard_service_tiers'])}, '', service_tier)",
                "The service tier as the price book names it: '' for the list price.",
            ),
            "tag_key.sql": _function(
                "spanledger_tag_key",
                "key",
                f"if(startsWith(key, '{raw['tag_prefix']}'), substring(key, {len(raw['tag_prefix']) + 1}), '')",
                "The key of a tag attribute, '' where the attribute is none.",
            ),
            "limit_tokens.sql": _function(
                "spanledger_limit_tokens", "", str(limits["tokens"]), "More tokens than this in one figure are absurd."
            ),
            "limit_old_ns.sql": _function(
                "spanledger_limit_old_ns",
                "",
                f"toUInt64({limits['too_old_days'] * 86_400 * 10**9})",
                "How long before its arrival a span may have begun, in nanoseconds.",
            ),
            "limit_future_ns.sql": _function(
                "spanledger_limit_future_ns",
                "",
                f"toUInt64({limits['future_hours'] * 3_600 * 10**9})",
                "How long after its arrival a span may claim to begin or end, in nanoseconds.",
            ),
        }


def _quote(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _array(values: Iterable[object]) -> str:
    return "[" + ", ".join(map(_quote, values)) + "]"


def _tuple(values: Iterable[object]) -> str:
    return "(" + ", ".join(map(_quote, values)) + ")"


def _function(name: str, arguments: str, body: str, comment: str) -> str:
    return f"{HEADER}-- {comment}\nCREATE OR REPLACE FUNCTION {name} AS ({arguments}) ->\n    {body}\n"


def main() -> int:
    """Write the generated functions; with `--check`, only say which of them are out of date (exit 1)."""
    stale = []
    for name, text in Contract.load().functions().items():
        path = SCHEMAS / "functions" / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"schemas/functions/{name} {'is out of date: run `make generate`' if '--check' in sys.argv else 'written'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
