"""Redaction: `schemas/redaction.yaml` and the user's own patterns, as SQL that takes them out of a text before it is stored (D13)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from spanledger_collector import yaml_file
from spanledger_collector.literals import quote
from spanledger_collector.schemas_folder import SCHEMAS

Check = Literal["", "luhn", "mod97"]
_KIND = re.compile(r"[a-z][a-z0-9_]*")
# What RE2 has not, or reads otherwise than Python's `re`: look-around, back-references, named and capturing groups, flags.
_ONLY_PYTHON = re.compile(r"\(\?(?!:)|\\[1-9ABGZ]|(?<!\\)\((?!\?)")


@dataclass(frozen=True)
class Redaction:
    """What matches `pattern`, and passes `check`, becomes `[kind]`."""

    kind: str
    pattern: str
    check: Check = ""

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise ValueError(f"{self.kind!r} is no kind: small letters, digits and _, as in employee_number")
        try:
            matches_nothing = re.search(self.pattern, "", re.ASCII)
        except re.error as error:
            raise ValueError(f"{self.kind}: {self.pattern!r} is no regular expression: {error}") from error
        if matches_nothing:
            raise ValueError(f"{self.kind}: {self.pattern!r} matches an empty text, so it would match everywhere")
        if found := _ONLY_PYTHON.search(self.pattern):
            raise ValueError(
                f"{self.kind}: {found[0]!r} in {self.pattern!r} is not known to RE2: groups are (?:…), and there is no look-around"
            )


def shipped() -> tuple[Redaction, ...]:
    """The kinds of `redaction.yaml`, in their order."""
    rules: list[dict[str, Any]] = yaml_file.read(SCHEMAS / "redaction.yaml")
    return tuple(Redaction(rule["kind"], "|".join(rule["patterns"]), rule.get("check", "")) for rule in rules)


def sql(text: str, redactions: Iterable[Redaction]) -> str:
    """An expression: the expression `text`, redacted."""
    for redaction in redactions:
        pattern = quote(redaction.pattern)
        hidden = quote(f"[{redaction.kind}]")
        if redaction.check:
            # what stands between the matches, and each match, hidden or as it was
            text = (
                f"arrayStringConcat(arrayMap((between, hit) -> concat(between, if(hit != '' AND spanledger_{redaction.check}(hit), "
                f"{hidden}, hit)), splitByRegexp({pattern}, {text} AS of_{redaction.kind}), "
                f"arrayPushBack(extractAll(of_{redaction.kind}, {pattern}), '')))"
            )
        else:
            text = f"replaceRegexpAll({text}, {pattern}, {hidden})"
    return text
