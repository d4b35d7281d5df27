"""The gate: which statement may run.

The engine's own parser reads the statement, twice: `formatQuerySingleLine` gives its canonical text (and refuses more
than one statement), and `EXPLAIN AST SELECT 1 FROM (…)` around that text gives its tree, where nothing but a SELECT
can parse. The tree is then walked, and everything in it must be known: kinds of node, functions, table functions,
tables. The canonical text, the one that was walked, is what runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spanledger_collector.readonly import functions
from spanledger_collector.readonly.catalog import (
    DATABASE,
    SYSTEM_COLUMNS_OVER_ALL_PROJECTS,
    SYSTEM_TABLES,
    Catalog,
)
from spanledger_collector.readonly.errors import (
    ClickHouseError,
    access_denied,
    read_only,
    syntax_error,
    unknown_database,
    unknown_table,
)
from spanledger_collector.readonly.sql import Node, Token, escaped, parse_ast, tokens

Parse = Callable[[str, Mapping[str, str]], str]
"""Asks the engine: SQL and its parameters, as escaped text, to the text of the answer."""

# Formats that need nothing but the rows: none that reads a schema or a template, asks a registry or draws.
FORMATS = frozenset({
    "Arrow", "ArrowStream", "CSV", "CSVWithNames", "CSVWithNamesAndTypes", "JSON", "JSONColumns",
    "JSONColumnsWithMetadata", "JSONCompact", "JSONCompactColumns", "JSONCompactEachRow", "JSONCompactEachRowWithNames",
    "JSONCompactEachRowWithNamesAndTypes", "JSONCompactStrings", "JSONCompactStringsEachRow",
    "JSONCompactStringsEachRowWithNames", "JSONCompactStringsEachRowWithNamesAndTypes", "JSONEachRow", "JSONLines",
    "JSONObjectEachRow", "JSONStrings", "JSONStringsEachRow", "Markdown", "NDJSON", "Native", "Null", "Parquet",
    "Pretty", "PrettyCompact", "PrettyCompactMonoBlock", "PrettySpace", "RawBLOB", "RowBinary", "RowBinaryWithNames",
    "RowBinaryWithNamesAndTypes", "TSKV", "TSV", "TSVRaw", "TSVWithNames", "TSVWithNamesAndTypes", "TabSeparated",
    "TabSeparatedRaw", "TabSeparatedRawWithNames", "TabSeparatedRawWithNamesAndTypes", "TabSeparatedWithNames",
    "TabSeparatedWithNamesAndTypes", "Values", "Vertical", "XML",
})  # fmt: skip

_NODES = frozenset({
    "ArrayJoin", "Asterisk", "ColumnsExceptTransformer", "ColumnsListMatcher", "ColumnsRegexpMatcher",
    "ColumnsReplaceTransformer", "ColumnsReplaceTransformer::Replacement", "ColumnsTransformerList", "ExpressionList",
    "Function", "Identifier", "InterpolateElement", "Literal", "OrderByElement", "QualifiedAsterisk",
    "QualifiedColumnsListMatcher", "QualifiedColumnsRegexpMatcher", "Root", "SampleRatio", "SelectIntersectExceptQuery",
    "SelectQuery", "SelectWithUnionQuery", "Subquery", "TableExpression", "TableIdentifier", "TableJoin",
    "TablesInSelectQuery", "TablesInSelectQueryElement", "WindowDefinition", "WindowListElement", "WithElement",
})  # fmt: skip
# System tables that tell sizes.
_COUNTING = frozenset({"system.columns", "system.databases", "system.tables"})
_STARS = frozenset({
    "Asterisk", "QualifiedAsterisk", "ColumnsRegexpMatcher", "QualifiedColumnsRegexpMatcher",
})  # fmt: skip

# Words of the grammar that stand before a bracket in canonical text; any other word there calls a function.
_KEYWORDS = frozenset({
    "ALL", "AND", "ANY", "AS", "ASC", "BETWEEN", "BY", "CASE", "COLUMNS", "CUBE", "DESC", "DISTINCT", "ELSE", "END",
    "EXCEPT", "FILTER", "FROM", "HAVING", "ILIKE", "IN", "INTERPOLATE", "INTERSECT", "JOIN", "LIKE", "LIMIT", "NOT",
    "OFFSET", "ON", "OR", "OVER", "PREWHERE", "QUALIFY", "REPLACE", "ROLLUP", "SELECT", "SETS", "STEP", "STRICT",
    "THEN", "TO", "UNION", "USING", "WHEN", "WHERE", "WITH",
})  # fmt: skip

_PLAIN = r"(?:(?P<database>[A-Za-z_]\w*)\.)?(?P<table>[A-Za-z_]\w*)"
_PATTERN = r"(?: (?:NOT )?I?LIKE '(?:[^'\\]|\\.)*')?"
_SHOW = re.compile(rf"SHOW (?:DATABASES|TABLES(?: FROM (?P<database>[A-Za-z_]\w*))?){_PATTERN}(?: LIMIT \d+)?")
_DESCRIBE = re.compile(rf"DESCRIBE TABLE {_PLAIN}")
_DESCRIBE_SELECT = re.compile(r"DESCRIBE TABLE \((?P<select>.*)\)", re.DOTALL)
_EXISTS = re.compile(rf"EXISTS (?:TABLE|VIEW|DICTIONARY) {_PLAIN}")
_FORMAT = re.compile(r" FORMAT `?(?P<format>\w+)`?$")


@dataclass(frozen=True)
class Statement:
    """A statement that may run: its canonical text, the format it asked for ("" if none), its parameters' names."""

    sql: str
    format: str
    parameters: frozenset[str]
    reusable: bool
    """Whether the judgement holds for other values of the parameters too."""


def judge(query: str, values: Mapping[str, str], scoped: bool, catalog: Catalog, parse: Parse) -> Statement:
    """The statement to run for `query`. Raises ClickHouseError where it may not run.

    `values` are those of the query's parameters, in ClickHouse's escaped text. `scoped`: whether the reader sees only
    some projects.
    """
    canonical = parse("SELECT formatQuerySingleLine({query:String})", {"query": escaped(query)})
    format_name = ""
    if (clause := _FORMAT.search(canonical)) is not None:
        format_name = clause["format"]
        canonical = canonical[: clause.start()]
    if format_name and format_name not in FORMATS:
        raise ClickHouseError(73, "UNKNOWN_FORMAT", f"Format {format_name} is not offered here.")
    names = _placeholders(canonical)
    parameters = {name: values[name] for name in names if name in values}
    if _is_about_the_schema(canonical):
        return Statement(canonical, format_name, names, reusable=True)
    described = _DESCRIBE_SELECT.fullmatch(canonical)
    select = described["select"] if described else canonical
    reusable = _judge_select(select, parameters, scoped, catalog, parse)
    return Statement(canonical, format_name, names, reusable)


def _placeholders(canonical: str) -> frozenset[str]:
    found = [token.text[1:-1].partition(":") for token in tokens(canonical) if token.kind == "placeholder"]
    if any(kind.strip().lower() == "identifier" for _, _, kind in found):
        raise read_only("a parameter of type Identifier could name any table, write the name in the query.")
    return frozenset(name for name, _, _ in found)


def _is_about_the_schema(canonical: str) -> bool:
    """SHOW, DESCRIBE and EXISTS on plain names, the only statements beside SELECT."""
    if (show := _SHOW.fullmatch(canonical)) is not None:
        if show["database"] not in {None, DATABASE, "system"}:
            raise unknown_database(show["database"])
        return True
    match = _DESCRIBE.fullmatch(canonical) or _EXISTS.fullmatch(canonical)
    if match is None:
        return False
    database = match["database"] or DATABASE
    if database != DATABASE and f"{database}.{match['table']}" not in SYSTEM_TABLES:
        raise unknown_table(f"{database}.{match['table']}")
    return True


def _judge_select(canonical: str, parameters: Mapping[str, str], scoped: bool, catalog: Catalog, parse: Parse) -> bool:
    words = tokens(canonical)
    first = words[0].text if words else ""
    if first not in {"SELECT", "WITH", "("}:
        raise read_only(f"SELECT, SHOW, DESCRIBE and EXISTS, not {first}.")
    _check_words(words, scoped)
    tree = _tree(canonical, parameters, parse)
    nodes = list(tree.walk())
    _check_calls(words, nodes)
    readable = catalog.tables | _common_table_expressions(words)
    for node in nodes:
        if node.kind not in _NODES:
            raise _refusal(node)
        if "." in node.alias:
            raise access_denied(f"An alias with a dot, {node.alias}, is not taken.")
        if node.kind == "Function":
            _check_function(node, catalog)
        elif node.kind == "TableIdentifier":
            _check_table(node.text, readable)
        elif node.kind == "Identifier":
            _check_identifier(node, catalog, readable)
    if scoped:
        _check_system_columns(nodes)
    return not any(node.kind == "Function" and _is_dictionary_function(node.text) for node in nodes)


def _check_words(words: list[Token], scoped: bool) -> None:
    for word in words:
        # A name with an escape in it could write lines of its own into the tree.
        if word.kind == "quoted" and "\\" in word.text:
            raise syntax_error(f"The name {word.text} has characters that are not taken here.")
        if word.kind == "word" and word.text == "SETTINGS":
            raise ClickHouseError(164, "READONLY", "Settings belong to the server here: leave the SETTINGS clause out.")
        # PREWHERE runs before the filter that keeps a reader to its projects.
        if scoped and word.kind == "word" and word.text == "PREWHERE":
            raise access_denied("A key limited to projects cannot use PREWHERE: write WHERE.")


def _tree(canonical: str, parameters: Mapping[str, str], parse: Parse) -> Node:
    try:
        return parse_ast(parse(f"EXPLAIN AST SELECT 1 FROM (\n{canonical}\n)", parameters))
    except ValueError as unreadable:
        raise syntax_error("The statement cannot be read here.") from unreadable
    except ClickHouseError as error:
        if error.code == 62:
            raise read_only("the statement is more than a SELECT.") from error
        raise


def _check_calls(words: list[Token], nodes: list[Node]) -> None:
    """Every function that the text calls is in the tree, so that none hides in a node that shows no children."""
    seen = {node.text for node in nodes if node.kind == "Function"}
    for before, word, after in zip([None, *words], words, words[1:], strict=False):
        if after.text != "(" or word.kind not in {"word", "quoted"} or (before is not None and before.text == "AS"):
            continue
        name = word.text.strip("`")
        if name not in seen and not (word.kind == "word" and word.text in _KEYWORDS):
            raise access_denied(f"{name}(…) cannot be used there.")


def _common_table_expressions(words: list[Token]) -> frozenset[str]:
    names = (
        name.text.strip("`")
        for name, keyword, bracket in zip(words, words[1:], words[2:], strict=False)
        if keyword.text == "AS" and bracket.text == "("
    )
    # A name with a dot would look like the table of another database.
    return frozenset(name for name in names if "." not in name)


def _refusal(node: Node) -> ClickHouseError:
    if node.kind == "Set":
        return ClickHouseError(164, "READONLY", "Settings belong to the server here: leave the SETTINGS clause out.")
    return access_denied(f"{node.kind} is not part of the SQL that this interface takes.")


def _check_function(node: Node, catalog: Catalog) -> None:
    if node.parent is not None and node.parent.kind == "TableExpression":
        view = node.text.removeprefix(f"{DATABASE}.")
        if node.text.lower() not in functions.TABLE_FUNCTIONS and view not in catalog.views:
            raise access_denied(f"The table function {node.text} is not one that this interface takes.")
        return
    if not functions.is_allowed(node.text):
        raise access_denied(f"The function {node.text} is not one that this interface takes.")
    if _is_dictionary_function(node.text):
        first = node.arguments()[0] if node.arguments() else None
        name = "" if first is None else first.text.strip("'").removeprefix(f"{DATABASE}.")
        if first is None or first.kind not in {"Literal", "Identifier"} or name not in catalog.dictionaries:
            raise access_denied(f"{node.text} takes the name of one of the ledger's dictionaries, as a literal.")


def _is_dictionary_function(name: str) -> bool:
    return name.lower().startswith("dict")


def _check_table(name: str, readable: frozenset[str]) -> None:
    if name not in readable and name.removeprefix(f"{DATABASE}.") not in readable and name not in SYSTEM_TABLES:
        raise unknown_table(name)


def _check_identifier(node: Node, catalog: Catalog, readable: frozenset[str]) -> None:
    database, dot, rest = node.text.partition(".")
    if dot and database in catalog.other_databases and f"{database}.{rest.partition('.')[0]}" not in SYSTEM_TABLES:
        raise unknown_table(node.text)
    # `x IN a.b` reads the table a.b.
    if dot and _is_right_of_in(node):
        _check_table(node.text, readable)


def _is_right_of_in(node: Node) -> bool:
    call = node.parent.parent if node.parent is not None else None
    if call is None or call.kind != "Function":
        return False
    name = call.text.lower().removesuffix("ignoreset")
    return name.endswith("in") and name.removesuffix("in") in {
        prefix + not_ + null for prefix in ("", "global") for not_ in ("", "not") for null in ("", "null")
    }


def _check_system_columns(nodes: list[Node]) -> None:
    if not any(node.kind == "TableIdentifier" and node.text in _COUNTING for node in nodes):
        return
    for node in nodes:
        column = node.text.rpartition(".")[2]
        if node.kind in _STARS:
            raise access_denied("A key limited to projects names the columns it reads of system tables, without a *.")
        if node.kind == "Identifier" and column in SYSTEM_COLUMNS_OVER_ALL_PROJECTS:
            raise access_denied(f"The column {column} counts the data of all projects.")
