"""What there is to read: the tables, views and dictionaries of the ledger's database, and the part of a scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from spanledger_collector.literals import quote

DATABASE = "spanledger"

CONTENT_TABLES = frozenset({"span_content"})
"""Prompts and completions: readable only with a permission for them."""


@dataclass(frozen=True)
class Scope:
    """What a reader may see: the rows of these projects (None: of all), and prompts and completions or not."""

    projects: frozenset[str] | None = None
    content: bool = False

    @property
    def limited(self) -> bool:
        """Whether there is anything that this reader may not see."""
        return self.projects is not None or not self.content


EVERYTHING = Scope(content=True)

SYSTEM_TABLES = frozenset(
    f"system.{name}"
    for name in (
        "columns", "data_type_families", "databases", "functions", "numbers", "numbers_mt", "one", "settings", "tables",
        "time_zones", "zeros", "zeros_mt",
    )
)  # fmt: skip

# Sizes and counts over all projects, and where the data lies: not for a reader who sees only some of them.
SYSTEM_COLUMNS_OVER_ALL_PROJECTS = frozenset({
    "active_on_fly_alter_mutations", "active_on_fly_data_mutations", "active_on_fly_metadata_mutations", "active_parts",
    "columns_descriptions_cache_size", "data_compressed_bytes", "data_path", "data_paths", "data_uncompressed_bytes",
    "lifetime_bytes", "lifetime_rows", "marks_bytes", "metadata_path", "parts", "serialization_hint", "statistics",
    "total_bytes", "total_bytes_uncompressed", "total_marks", "total_rows",
})  # fmt: skip


@dataclass(frozen=True)
class Catalog:
    """`tables`: every table and view by name. `views`: the views among them. `dictionaries`: the dictionaries.
    `with_project`: stored tables that have a `project` column. `without_project`: stored tables that have none.
    `other_databases`: every database of the engine but ours. `timezone`: the engine's.
    """

    tables: frozenset[str]
    views: frozenset[str]
    dictionaries: frozenset[str]
    with_project: frozenset[str]
    without_project: frozenset[str]
    other_databases: frozenset[str]
    timezone: str

    @classmethod
    def read(cls, client: Client) -> Catalog:
        engines = {
            str(name): engine
            for name, engine in _rows(
                client, "SELECT name, engine FROM system.tables WHERE database = {database:String}"
            )
        }
        having = {
            str(name)
            for (name,) in _rows(
                client, "SELECT table FROM system.columns WHERE database = {database:String} AND name = 'project'"
            )
        }
        databases = {str(name) for (name,) in _rows(client, "SELECT name FROM system.databases")}
        views = frozenset(name for name, engine in engines.items() if engine == "View")
        dictionaries = frozenset(name for name, engine in engines.items() if engine == "Dictionary")
        stored = frozenset(engines) - views
        return cls(
            tables=frozenset(engines),
            views=views,
            dictionaries=dictionaries,
            with_project=stored & having,
            without_project=stored - having,
            other_databases=frozenset(databases - {DATABASE}),
            timezone=str(_rows(client, "SELECT timezone()")[0][0]),
        )

    def filters(self, scope: Scope, shared: Iterable[str]) -> str:
        """The value of `additional_table_filters` that leaves only the rows of `scope`.

        A table with a `project` column keeps the scope's rows; one without keeps all of them where it is `shared`,
        and none where it is not. Views need no entry: the filter is on the tables they read.
        """
        conditions: dict[str, str] = {}
        if scope.projects is not None:
            projects = ", ".join(quote(project) for project in sorted(scope.projects))
            conditions = dict.fromkeys(self.with_project, f"project IN ({projects})" if projects else "0")
            conditions |= dict.fromkeys(self.without_project.difference(shared), "0")
        if not scope.content:
            conditions |= dict.fromkeys(CONTENT_TABLES & self.tables, "0")
        entries = (f"{quote(f'{DATABASE}.{table}')}: {quote(text)}" for table, text in conditions.items())
        return "{" + ", ".join(entries) + "}"


def _rows(client: Client, query: str) -> list[tuple[object, ...]]:
    rows = client.query(query, parameters={"database": DATABASE} if "{database" in query else None).result_rows
    return [tuple(row) for row in rows]
