"""Reading what the engine's own parser wrote: canonical SQL text and EXPLAIN AST.

Canonical text (`formatQuerySingleLine`) has no comments, one space between words and one way to quote, so a short
lexer reads it exactly. Nothing here is ever given a client's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["string", "quoted", "word", "placeholder", "other"]

_TOKEN = re.compile(
    r"(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<quoted>`(?:[^`\\]|\\.)*`)"
    r"|(?P<placeholder>\{\w+:[^{}]*\})"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<other>\d[\w.]*|\S)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str


def tokens(canonical: str) -> list[Token]:
    return [Token(match.lastgroup, match.group()) for match in _TOKEN.finditer(canonical)]  # type: ignore[arg-type]


def escaped(text: str) -> str:
    """`text` as the value of a String parameter."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")


_UNESCAPED = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}


def unescaped(text: str) -> str:
    """The value that ClickHouse wrote as escaped `text`."""
    return re.sub(r"\\(.)", lambda match: _UNESCAPED.get(match[1], match[1]), text, flags=re.DOTALL)


@dataclass(slots=True)
class Node:
    """One line of EXPLAIN AST: `Function count (alias n) (children 1)` is kind Function, text count, alias n."""

    kind: str
    text: str
    alias: str
    parent: Node | None
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()

    def arguments(self) -> list[Node]:
        """The arguments of a Function node."""
        return self.children[0].children if self.children and self.children[0].kind == "ExpressionList" else []


_LINE = re.compile(
    r"(?P<kind>[\w:]+)(?: (?P<text>.*?))??(?: \(alias (?P<alias>.*)\))?(?: \(children \d+\))?", re.DOTALL
)


def parse_ast(explained: str) -> Node:
    """The tree that EXPLAIN AST printed, in TabSeparated. Raises ValueError where it is not one."""
    root = Node("Root", "", "", None)
    path = [root]
    for line in map(unescaped, explained.split("\n")):
        depth = len(line) - len(line.lstrip(" "))
        match = _LINE.fullmatch(line[depth:])
        if not line:
            continue
        if match is None or depth >= len(path):
            raise ValueError(f"not a line of EXPLAIN AST: {line!r}")
        del path[depth + 1 :]
        node = Node(match["kind"], match["text"] or "", match["alias"] or "", path[-1])
        path[-1].children.append(node)
        path.append(node)
    return root
