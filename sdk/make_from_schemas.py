"""Write what the SDK takes from `schemas/`: `python sdk/make_from_schemas.py [--check]`.

The SDK brings no YAML reader into an app, and is to find and to hold back what the collector does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent
SCHEMAS = ROOT.parent / "schemas"
MODULES: dict[str, Callable[[], str]] = {}
"""The modules that are made, and what makes the text of each."""


def module(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    def add(make: Callable[[], str]) -> Callable[[], str]:
        MODULES[name] = make
        return make

    return add


@module("redaction_patterns.py")
def redaction_patterns() -> str:
    lines = [*_head("redaction.yaml", "kind, pattern, check"), "PATTERNS = ("]
    for rule in _read("redaction.yaml"):
        lines.append(f"    ({rule['kind']!r}, (")
        lines += [f"        {pattern!r}," for pattern in rule["patterns"]]
        lines.append(f"    ), {rule.get('check', '')!r}),")
    return "\n".join([*lines, ")", ""])


@module("content_names.py")
def content_names() -> str:
    """Names and prefixes, the words of the rest, and what looks like content by them and is a field of the call."""
    contract = _read("attributes.yaml")
    content = contract["content"]
    lists = {
        "NAMES": [*content["names"], *content["alone"]],
        "PREFIXES": [*_spelt(content["prefixes"])],
        "NAMESPACES": [name + mark for name in content["namespaces"] for mark in ".:"],
        "ENDINGS": [mark + word for word in content["words"] for mark in "._:"],
        "NOT": content["not"],
    }
    fields = contract["inherited"] | contract["of_span"] | contract["of_resource"]
    sources = [source for sources in fields.values() for source in sources]
    begins, space, ends = (tuple(lists[name]) for name in ("PREFIXES", "NAMESPACES", "ENDINGS"))
    lists["FIELDS"] = [
        source
        for source in sources
        if source in lists["NAMES"] or source.startswith(begins) or (source.startswith(space) and source.endswith(ends))
    ]
    lines = _head("attributes.yaml", "what holds what was said; what only looks like it")
    for name, values in lists.items():
        opened, closed = ("frozenset({", "})") if name in ("NAMES", "FIELDS") else ("(", ")")
        lines += [f"{name} = {opened}", *(f"    {value!r}," for value in values), closed]
    return "\n".join([*lines, ""])


def _spelt(prefixes: Iterable[str]) -> Iterable[str]:
    """`#` is a digit."""
    for prefix in prefixes:
        yield from (prefix.replace("#", str(digit)) for digit in range(10)) if "#" in prefix else (prefix,)


def _head(source: str, about: str) -> list[str]:
    return [f'"""Made from schemas/{source} by `make contract`: {about}."""', "", "# fmt: off"]


def _read(name: str) -> Any:
    return yaml.safe_load((SCHEMAS / name).read_text(encoding="utf-8"))


def main(check: bool) -> int:
    """0 where the modules are what the YAML says, or are now."""
    wrong = 0
    for name, make in MODULES.items():
        path, text = ROOT / "spanledger" / name, make()
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} is not what schemas/ says: run `make contract`", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
