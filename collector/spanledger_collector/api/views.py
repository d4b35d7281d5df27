"""The views that can be asked, as the store has them: what each is for and what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spanledger_collector.api.values import Parameter
from spanledger_collector.readonly.catalog import DATABASE
from spanledger_collector.schemas_folder import SCHEMAS

_PLACEHOLDER = re.compile(r"\{(\w+):([^{}]+)\}")
_CREATED = re.compile(rf"^CREATE OR REPLACE VIEW {DATABASE}\.(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class View:
    """`description` is prose: the question that the view answers, then what its parameters and columns are."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]

    @property
    def question(self) -> str:
        """Its first sentence."""
        return re.split(r"(?<=[?.]) ", self.description, maxsplit=1)[0]

    def select(self, columns: str = "*") -> str:
        arguments = ", ".join(f"{p.name}={{{p.name}:{p.type}}}" for p in self.parameters)
        return f"SELECT {columns} FROM {DATABASE}.{self.name}" + (f"({arguments})" if arguments else "")


def read_views(definitions: Iterable[tuple[str, str]], folder: Path = SCHEMAS / "views") -> dict[str, View]:
    """The views by name. `definitions`: name and CREATE statement of each, as the engine has them."""
    texts = {}
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        if named := _CREATED.search(text):
            lines = [
                line.removeprefix("--").strip() for line in text[: named.start()].splitlines() if line.startswith("--")
            ]
            texts[named[1]] = " ".join(lines)
    return {
        name: View(
            name,
            texts.get(name, ""),
            tuple(Parameter(*found) for found in dict(_PLACEHOLDER.findall(statement)).items()),
        )
        for name, statement in sorted(definitions)
    }
