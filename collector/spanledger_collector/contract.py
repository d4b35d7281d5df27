"""The contract of names: `schemas/attributes.yaml`, and how the SQL beside it takes its names and lists from there."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from spanledger_collector import redaction, yaml_file
from spanledger_collector.error_classes import error_classes
from spanledger_collector.literals import array, quote
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.windows import WHOLE_HOURS_FROM, Window, burn_windows

# An attribute's number is kind, field and preference, a byte each, so that sorting by number sorts by field, then preference.
# The kind is the type of an attribute of which the field's column says all (attributes.yaml, `columns`), as AnyValue tags it. What
# stands in a JSON document comes behind all attributes: it is none of its own.
KINDS = {"none": 0, "string": 10, "int": 24, "bool": 16, "double": 33}
PREFERENCES_LIMIT = 256
IN_JSON = 2**22
FIELDS_LIMIT = 63  # a set of fields is a UInt64
# The number of an attribute that is a JSON document with fields in it: above every field's. The second is content too.
DOCUMENT = 2**30
DOCUMENT_LEFT_BEHIND = DOCUMENT + 1
# Added to the numbers of a resource's attributes where they stand behind a span's own.
OF_RESOURCE = 2**31
# The number of an attribute that is not kept, content above all: above every field's.
LEFT_BEHIND = 2**32 - 1
ARROW = "→"  # between a document and the path in it
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
        field, kind = self.number << 8, KINDS[self.kind] << 16
        return {
            source: field + preference + (IN_JSON if ARROW in source else kind)
            for preference, source in enumerate(self.sources)
        }


@dataclass(frozen=True)
class Code:
    """An attribute that need not be kept, since `column` says all that it said; and the type that it had."""

    code: str
    key: str
    column: str
    type: str


class Contract:
    """`attributes.yaml`, read and checked. Raises ValueError where one attribute feeds two fields, or where there is too much."""

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
        if len(self.fields) > FIELDS_LIMIT or any(len(field.sources) > PREFERENCES_LIMIT for field in self.fields):
            raise ValueError(f"attributes.yaml: {FIELDS_LIMIT} fields at most, {PREFERENCES_LIMIT} attributes each")
        self._placeholders = self._values()

    @classmethod
    @cache  # every store and every correction asks for it
    def load(cls, path: Path = SCHEMAS / "attributes.yaml") -> Contract:
        return cls(yaml_file.read(path))

    def numbers(self, *groups: str) -> dict[str, int]:
        """Attribute name to its number, of the fields in these groups: what it feeds, or that it is left behind."""
        left_behind = dict.fromkeys(self.raw["delivery_stamps"], LEFT_BEHIND)
        names = {name for group in groups for name in self.raw[group]}
        documents = dict.fromkeys(self.documents, DOCUMENT) if "of_span" in groups else {}
        return (
            documents
            | left_behind
            | {document: DOCUMENT_LEFT_BEHIND for document in documents if self.is_content(document)}
            | {
                source: number
                for field in self.fields
                if field.name in names
                for source, number in field.numbers.items()
                if ARROW not in source
            }
        )

    @cached_property
    def documents(self) -> dict[str, dict[str, int]]:
        """Attribute that is a JSON document, to the paths in it that feed a field and their numbers."""
        found: dict[str, dict[str, int]] = {}
        for source, number in self._numbers.items():
            document, arrow, path = source.partition(ARROW)
            if arrow:
                found.setdefault(document, {})[path] = number
        return found

    @cached_property
    def codes(self) -> tuple[Code, ...]:
        """The codes of `attribute_codes`. Each is made of attribute and column, so that it never changes its meaning."""
        return tuple(
            Code(f"{zlib.crc32(f'{source} {field.name}'.encode()):08x}", source, field.name, field.kind)
            for field in self.fields
            if field.kind != "none"
            for source in field.sources
            if ARROW not in source
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
        match name:
            case "field":
                return f"fields[{self._field(argument).number}]"
            case "sources":
                return array(self._field(argument).sources)
            case "field_of":
                return str(min(self._field(argument).numbers.values()) >> 8)
            case "bit_of":
                return str(1 << self._field(argument).number)
            case "redacted":
                return redaction.sql(argument, redaction.shipped())
            case "is_content":
                return self._like_content(argument)
            case "span_numbers" | "resource_numbers":
                # by name, and each name of a segment once, whatever the number of spans: that is what LowCardinality is for
                numbers = self.numbers("inherited", "of_span" if name == "span_numbers" else "of_resource")
                number = f"transform(toLowCardinality(a.key), {array(numbers)}, {array(numbers.values())}, toUInt32(0))"
                unnamed = f"{LEFT_BEHIND} * {self._like_content('toLowCardinality(a.key)')}"
                return f"arrayMap(a -> toUInt32(if({number} != 0, {number}, {unnamed})), {argument})"
            case "path_number":
                paths = {
                    f"{document}{ARROW}{path}": number
                    for document, paths in self.documents.items()
                    for path, number in paths.items()
                }
                return f"transform({argument}, {array(paths)}, {array(paths.values())}, toUInt32(0))"
            case "meant":
                return self._meant(argument)
            case "provider_of_host":
                return self._provider_of_host(argument)
            case "provider_of_scope":
                scopes = self.raw["provider_scopes"]
                return f"transform({argument}, {array(scopes)}, {array(scopes.values())}, '')"
            case "provider_of_model":
                named = self.raw["model_providers"]
                begins = quote(f"^({'|'.join(map(re.escape, sorted(named, key=len, reverse=True)))})")
                return f"transform(extract({argument}, {begins}), {array(named)}, {array(named.values())}, '')"
            case "key_of":
                keys = {number: source for source, number in self._numbers.items() if ARROW not in source}
                return f"transform({argument}, {array(keys)}, {array(keys.values())}, '')"
            case "code":
                codes = {self._numbers[code.key]: code.code for code in self.codes}
                return f"transform({argument}, {array(codes)}, {array(codes.values())}, '')"
        return self._placeholders[name] + f"({argument})"

    def is_content(self, key: str) -> bool:
        """Whether an attribute of this name is a prompt, a completion, or goes with one."""
        return bool(re.match(self._content_pattern, key)) and not re.match(self._no_content_pattern, key)

    def _like_content(self, key: str) -> str:
        """Whether it is, in SQL."""
        return f"(match({key}, {quote(self._content_pattern)}) AND NOT match({key}, {quote(self._no_content_pattern)}))"

    @cached_property
    def _content_pattern(self) -> str:
        content = self.raw["content"]
        prefixes = [re.escape(prefix).replace(r"\#", "[0-9]") for prefix in content["prefixes"]]
        like = rf"(?:{_one_of(content['namespaces'])})[.:](?:.*[._:])?(?:{_one_of(content['words'])})$"
        return f"^(?:(?:{_one_of([*content['names'], *content['alone']])})$|{'|'.join(prefixes)}|{like})"

    @cached_property
    def _no_content_pattern(self) -> str:
        return f"^(?:{_one_of(self.raw['content']['not'])})"

    def _meant(self, field: str) -> str:
        """The value that the text of a field stands for, or the text. Each text of a segment is looked at once, whatever the number
        of spans: that is what LowCardinality is for."""
        text = f"lower(toLowCardinality(@field({field})))"
        words = {word: value for value, words in self.raw["synonyms"][field].items() for word in words}
        otherwise = ""
        of_words = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
        dotted = "|".join(re.escape(word) for word in words if "." in word)
        match field:
            case "operation":
                text = _replaced(text, rf"^.*\.({of_words})$", r"\1")
            case "provider":
                text = _replaced(text, rf"^(?:({dotted})|({of_words})\..*)$", r"\1\2")
            case (
                "finish_reason"
            ):  # maybe the first of a list, or of an enumeration: `FinishReason.STOP`; and other words keep their case
                said = f"toLowCardinality(@field({field}))"
                text, otherwise = (
                    _replaced(f"lower({said})", r"""^[\[(]?["']?(?:finishreason\.)?([^"',\])]+).*$""", r"\1"),
                    f", {said}",
                )
        return f"transform({text}, {array(words)}, {array(words.values())}{otherwise})"

    def _provider_of_host(self, host: str) -> str:
        """A host is cut to the part that tells: `head` of `*head*tail`, and else `head` of `*head`."""
        parts = {tuple(pattern.removeprefix("*").split("*")): p for pattern, p in self.raw["provider_hosts"].items()}
        ends = [f"({'|'.join(re.escape(head) for head, *rest in parts if not rest)})"]
        ends += [f"({re.escape(head)}).*{re.escape(rest[0])}" for head, *rest in parts if rest]
        groups = "".join(rf"\{number}" for number, _ in enumerate(ends, start=1))
        cut = _replaced(host, "^.*?(?:" + "|".join(ends) + ")$", groups)
        heads = {head: provider for (head, *_), provider in parts.items()}
        return f"transform({cut}, {array(heads)}, {array(heads.values())}, '')"

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
            **raw["signals"]["types"],
            **raw["messages"]["types"],
            **raw["clauses"],
            "left_behind": str(LEFT_BEHIND),
            "document": str(DOCUMENT),
            "document_left_behind": str(DOCUMENT_LEFT_BEHIND),
            "in_json": str(IN_JSON),
            "all_bits": str(2 ** (FIELDS_LIMIT + 1) - 1),
            "of_resource": str(OF_RESOURCE),
            "billable_operations": array(raw["billable_operations"]),
            "refusals": array(raw["refusals"]),
            "standard_service_tiers": array(raw["standard_service_tiers"]),
            "tag_prefix": quote(raw["tag_prefix"]),
            "signal_prefix": quote(raw["signals"]["prefix"]),
            "body_members": array(raw["signals"]["body_members"]),
            "tag_prefixes": array(raw["tag_prefixes"]),
            "no_tags": _beginning(raw["no_tags"]),
            "tag_lists": array(raw["tag_lists"]),
            "field_attributes": array(source for source in self._numbers if ARROW not in source),
            "first_token_events": array(raw["first_token_events"]),
            "unspoken_errors": array(raw["unspoken_errors"]),
            "status_in_message": quote(raw["status_in_message"]),
            "status_before_message": quote(raw["status_before_message"]),
            "telling_events": array(raw["telling_events"]),
            "content_members": quote(rf"[\"'](?:{_one_of(raw['content']['members'])})[\"']\s*:\s*[\"'\[{{]"),
            "scopes_without_reasoning": _beginning(raw["output_excludes_reasoning"]["scopes"]),
            "providers_by_total": array(raw["output_excludes_reasoning"]["providers_by_total"]),
            "ttft_not_believed": _beginning(raw["ttft_not_believed"]),
            "streams_reported_apart": _beginning(raw["streams_reported_apart"]),
            "ttft_in_ms": _beginning(raw["ttft_in_ms"]),
            "scopes_without_cached": _beginning(raw["input_excludes_cached"]["scopes"]),
            "sources_without_cached": array(
                self._numbers[source] for source in raw["input_excludes_cached"]["sources"]
            ),
            "limit_tokens": str(limits["tokens"]),
            "limit_reported_cost": str(limits["reported_cost_usd"]),
            "limit_spans_a_trace": str(limits["spans_a_trace"]),
            "limit_spans_an_answer": str(limits["spans_an_answer"]),
            "limit_old_ns": str(limits["too_old_days"] * day),
            "future_hours": str(limits["future_hours"]),
            "limit_future_ns": str(limits["future_hours"] * day // 24),
            "error_types": array(classes),
            "classes_of_error_types": array(classes.values()),
            **_of_windows(burn_windows()),
        }


def _of_windows(windows: tuple[Window, ...]) -> dict[str, str]:
    rows = (f"({quote(w.severity)}, {w.factor}, {w.long}, {w.short})" for w in windows)
    lengths = [length for w in windows for length in (w.long, w.short)]
    return {
        "burn_windows": f"[{', '.join(rows)}]",
        "longest_window": str(max(lengths)),
        "longest_window_of_minutes": str(max(length for length in lengths if length < WHOLE_HOURS_FROM)),
        "whole_hours_from": str(WHOLE_HOURS_FROM),
    }


def _beginning(words: Iterable[str]) -> str:
    """A regular expression, as an SQL literal: what begins with one of these."""
    return quote(f"^(?:{'|'.join(map(re.escape, words))})")


def _one_of(words: Iterable[str]) -> str:
    """As alternatives of a regular expression."""
    return "|".join(map(re.escape, words))


def _replaced(text: str, pattern: str, by: str) -> str:
    return f"replaceRegexpOne({text}, {quote(pattern)}, {quote(by)})"
