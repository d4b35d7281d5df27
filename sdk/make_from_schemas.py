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
    """Names and prefixes, and what looks like content by them and is a field of the call."""
    contract = _read("attributes.yaml")
    names, prefixes = contract["content"]["names"], [*_spelt(contract["content"]["prefixes"])]
    fields = contract["inherited"] | contract["of_span"] | contract["of_resource"]
    sources = [source for sources in fields.values() for source in sources]
    kept = [source for source in sources if source in names or source.startswith(tuple(prefixes))]
    lines = _head("attributes.yaml", "what holds what was said; what only looks like it")
    for name, values, (opened, closed) in (
        ("NAMES", names, ("frozenset({", "})")),
        ("PREFIXES", prefixes, ("(", ")")),
        ("FIELDS", kept, ("frozenset({", "})")),
    ):
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
