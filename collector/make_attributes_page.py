"""Write `docs/attributes.md` from `schemas/attributes.yaml`: `python collector/make_attributes_page.py [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spanledger_collector.contract import ARROW, Contract, Field

TO = Path(__file__).parents[1] / "docs" / "attributes.md"
_HEAD = """\
# What each attribute means

Made from [`schemas/attributes.yaml`](../schemas/attributes.yaml) by `make contract`. Every dialect has its own names for the same
thing; what any of them says comes to one field. A field is a column of `spans`, except where brackets say what it is: then follows
what it is read for. Of the attributes of a field the first that is not empty counts. Which library says what is in
[dialects.md](dialects.md). Looking for an attribute? They are all [at the end](#attributes-from-a-to-z).

`a→b` is what stands at `b` in the JSON document that the attribute `a` is. What an attribute says by itself goes before what stands
in JSON.
"""
_WHERE = {
    "inherited": "the span, else its resource",
    "of_span": "the span",
    "of_resource": "the resource",
}


def page(contract: Contract) -> str:
    """Raises ValueError where a field has no meaning, or a meaning no field."""
    fields = {field.name: field for field in contract.fields}
    said = [name for group in contract.raw["means"].values() for name in group]
    if sorted(said) != sorted(fields):
        raise ValueError(f"attributes.yaml: what {sorted({*said} ^ {*fields})} means is not said, or said of nothing")
    pieces = [_HEAD]
    for group, meanings in contract.raw["means"].items():
        rows = [
            (f"`{name}`", meaning, _sources(fields[name]), _where(contract, name)) for name, meaning in meanings.items()
        ]
        pieces.append(_section(group, _table(("Field", "What it is", "Attributes, best first", "Read of"), rows)))
    pieces += [
        _synonyms(contract),
        _billing(contract),
        _tags(contract),
        _stamps(contract),
        _content(contract),
        _index(contract),
    ]
    return "\n".join(pieces)


def _sources(field: Field) -> str:
    return "<br>".join(f"`{source}`" for source in field.sources)


def _where(contract: Contract, name: str) -> str:
    return next(where for group, where in _WHERE.items() if name in contract.raw[group])


def _synonyms(contract: Contract) -> str:
    raw = contract.raw["synonyms"]
    intro = "Other words come to ours, in lower case; a word that is not here stays as it is.\n"
    tables = []
    for field, words in raw.items():
        rows = [(f"`{value}`" if value else "(empty)", _codes(others)) for value, others in words.items()]
        tables.append(f"### {field}\n\n{_table(('Ours', 'Other words'), rows)}")
    hosts = _table(
        ("Host", "Provider"), [(f"`{host}`", f"`{name}`") for host, name in contract.raw["provider_hosts"].items()]
    )
    models = ", ".join(f"`{name}…` {provider}" for name, provider in contract.raw["model_providers"].items())
    tables.append(f"The host of the answer says who bills, whatever the library says:\n\n{hosts}")
    tables.append(f"Where nothing names a provider, the model's name does: {models}.\n")
    return _section("Synonyms", intro + "\n" + "\n".join(tables))


def _billing(contract: Contract) -> str:
    tiers = _codes(contract.raw["standard_service_tiers"])
    return _section("What is billed", (
        f"Spans whose `operation` is {_codes(contract.raw['billable_operations'])}. Every other (agents, tools,\n"
        f"workflows) may repeat the usage of the calls inside it and is never billed. The service tiers {tiers} cost the list price.\n"
    ))  # fmt: skip


def _tags(contract: Contract) -> str:
    return _section("Tags", (
        f"What stands behind {_codes(contract.raw['tag_prefixes'])} is a tag, unless it feeds a field:\n"
        f"`{contract.raw['tag_prefix']}plan` is `tags['plan']`.\n"
        f"Lists of words ({_codes(contract.raw['tag_lists'])}) are tags that are `true`.\n"
    ))  # fmt: skip


def _stamps(contract: Contract) -> str:
    return _section("Stamps of delivery", (
        f"The SDK sets them anew on each export, and they are kept in `deliveries` alone: {_codes(contract.raw['delivery_stamps'])}.\n"
    ))  # fmt: skip


def _content(contract: Contract) -> str:
    content = contract.raw["content"]
    return _section("Content", (
        "Prompts, completions and what goes with them. With capture off they are kept nowhere ([privacy.md](privacy.md)), nor sent by\n"
        "our SDK.\n\n"
        f"By name: {_codes(content['names'])}.\n\n"
        f"What begins with (`#` is a digit): {_codes(content['prefixes'])}.\n\n"
        f"What is named so alone, of an event above all: {_codes(content['alone'])}.\n\n"
        f"And what ends with one of these words, behind a dot or `_`: {_codes(content['words'])}; within these namespaces:\n"
        f"{_codes(content['namespaces'])}.\n\n"
        f"None is what begins with: {_codes(content['not'])}.\n"
    ))  # fmt: skip


def _index(contract: Contract) -> str:
    rows = sorted((source, field.name) for field in contract.fields for source in field.sources)
    meanings = {name: meaning for group in contract.raw["means"].values() for name, meaning in group.items()}
    shown = [(f"`{source}`", meanings[name], f"`{name}`", _kept(contract, source)) for source, name in rows]
    intro = (
        "What is kept as the column need not be kept as an attribute: it reads back from there. All that is not here is kept among\n"
        "`attributes`, as it came, unless it is content.\n\n"
    )
    return _section("Attributes from A to Z", intro + _table(("Attribute", "What it means", "Field", "Kept"), shown))


def _kept(contract: Contract, source: str) -> str:
    document = source.partition(ARROW)[0]
    if document != source:
        return "not: the document is content" if contract.is_content(document) else "with its document"
    return "as the column" if any(code.key == source for code in contract.codes) else "as the attribute"


def _section(title: str, body: str) -> str:
    title, colon, rest = title.partition(": ")
    return f"## {title}\n\n{rest[:1].upper()}{rest[1:]}.\n\n{body}" if colon else f"## {title}\n\n{body}"


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines(heads, rows)) + "\n"


def _lines(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def main(check: bool) -> int:
    """0 where the page is what the YAML says, or is now."""
    text = page(Contract.load())
    if not check:
        TO.write_text(text, encoding="utf-8")
    elif not TO.exists() or TO.read_text(encoding="utf-8") != text:
        print(f"{TO.name} is not what attributes.yaml says: run `make contract`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
