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
# A parameter that chooses what is shown is compared with each word that it can be; one of a view that is read by way of
# another one is compared there.
_WORD = re.compile(r"\{(by|sort):String\} = '(\w+)'")
_READ = re.compile(rf"{DATABASE}\.(\w+)`?\(")
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
    statements = dict(definitions)

    def words(statement: str, parameter: str) -> tuple[str, ...]:
        own = [word for name, word in _WORD.findall(statement) if name == parameter]
        further = [word for view in _READ.findall(statement) for word in words(statements.get(view, ""), parameter)]
        return tuple(dict.fromkeys(own + further))

    return {
        name: View(
            name,
            texts.get(name, ""),
            tuple(
                Parameter(parameter, of_type, words(statement, parameter))
                for parameter, of_type in dict(_PLACEHOLDER.findall(statement)).items()
            ),
        )
        for name, statement in sorted(statements.items())
    }
