"""Every query of every board, run as Grafana runs it: does the answer have the shape that is drawn?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from grafana.northwind import ODD, Live
from grafana.reading import BOARDS, Chosen, Json, Query, annotation_queries, panel_queries, utc, variable_queries

DIMENSIONS = {
    "environment": "environment", "service": "service_name", "provider": "provider", "model": "model", "team": "team",
}  # fmt: skip
PANELS = [pytest.param(query, id=str(query)) for query in panel_queries()]
OF_A_PROJECT = [pytest.param(query, id=str(query)) for query in panel_queries() if "${project:" in query.text]
CURVES = [
    pytest.param(query, id=str(query)) for query in panel_queries() if query.target and query.target["format"] == 0
]
_TIME = re.compile(r"DateTime(64\(\d(, 'UTC')?\))?(\('UTC'\))?")
_NUMBER = re.compile(r"(Nullable\()?(U?Int(8|16|32|64)|Float64|Bool)\)?")


class Answer:
    """Columns with their types, and rows."""

    def __init__(self, live: Live, query: Query, text: str) -> None:
        result = live.client.query(text)
        self.names = list(result.column_names)
        self.types = [column.name for column in result.column_types]
        self.rows = [list(row) for row in result.result_rows]
        self.query = query

    def column(self, name: str) -> list[Any]:
        return [row[self.names.index(name)] for row in self.rows]


def asked(live: Live, query: Query, chosen: Mapping[str, Chosen] | None = None, interval: int = 3600) -> Answer:
    board = BOARDS[query.board]
    given: dict[str, Chosen] = {"objective": "support-availability", **(chosen or {})}
    reader = replace(live.reader, interval=interval, chosen=given)
    return Answer(live, query, reader.sql(board, query.text))


def expect_shape(answer: Answer) -> None:
    """As the kind of panel needs it."""
    panel, target = answer.query.panel, answer.query.target
    assert panel and target
    if not answer.rows:  # then the driver has no columns either, and the panel says that there is nothing
        return
    if target["format"] == 0:
        expect_curves(answer)
    elif panel["type"] == "stat":
        assert len(answer.rows) == 1 and len(answer.names) == 1
        assert _NUMBER.fullmatch(answer.types[0]), answer.types
    else:
        expect_table(answer, panel)


def expect_curves(answer: Answer) -> None:
    assert answer.names[0] == "time" and _TIME.fullmatch(answer.types[0]), answer.types
    texts = [name for name, kind in zip(answer.names, answer.types, strict=True) if kind == "String"]
    assert texts in ([], ["series"])
    for name, kind in zip(answer.names, answer.types, strict=True):
        assert name == "time" or name in texts or _NUMBER.fullmatch(kind), (name, kind)
    times = answer.column("time")
    assert times == sorted(times)
    keys = list(zip(times, answer.column("series"), strict=True)) if texts else times
    assert len(keys) == len(set(keys))
    if texts:
        assert all(answer.column("series"))


def expect_table(answer: Answer, panel: Json) -> None:
    shown = [rule["matcher"]["options"] for rule in panel["fieldConfig"]["overrides"]]
    assert sorted(answer.names) == sorted(shown)
    for kind in answer.types:
        assert kind == "String" or _NUMBER.fullmatch(kind) or "DateTime" in kind or kind.startswith("LowCardinality"), (
            kind
        )


@pytest.mark.parametrize("query", PANELS)
def test_every_panel_has_something_to_draw_where_nothing_is_filtered(live: Live, query: Query) -> None:
    answer = asked(live, query)
    expect_shape(answer)
    assert answer.rows


@pytest.fixture(scope="module")
def offered(live: Live) -> dict[str, list[str]]:
    """Each variable's values, as its own query offers them."""
    queries = {query.of: query for query in variable_queries() if query.board == "overview"}
    return {name: asked(live, queries[name]).column("value") for name in DIMENSIONS}


@pytest.fixture(scope="module")
def busiest(live: Live, offered: dict[str, list[str]]) -> dict[str, Chosen]:
    """One value for each variable: those that most calls have together."""
    [row, *_] = live.client.query(
        f"SELECT {', '.join(DIMENSIONS.values())} FROM spanledger.ledger GROUP BY ALL ORDER BY sum(calls) DESC"
    ).result_rows
    chosen: dict[str, Chosen] = {name: [value] for name, value in zip(DIMENSIONS, row, strict=True)}
    assert all(value in offered[name] for name in DIMENSIONS for value in chosen[name])
    return chosen


@pytest.mark.parametrize("query", PANELS)
def test_every_panel_keeps_its_shape_with_each_variable_at_one_value(
    live: Live, query: Query, busiest: dict[str, Chosen]
) -> None:
    expect_shape(asked(live, query, {**busiest, "project": "default", "by": "customer"}))


@pytest.mark.parametrize("query", OF_A_PROJECT)
def test_every_panel_keeps_its_shape_for_a_project_without_calls(live: Live, query: Query) -> None:
    expect_shape(asked(live, query, {"project": "nobody"}))


@pytest.mark.parametrize("query", CURVES)
def test_every_curve_keeps_its_shape_at_the_finest_bucket(live: Live, query: Query) -> None:
    expect_shape(asked(live, query, interval=60))


@pytest.mark.parametrize("query", [pytest.param(query, id=str(query)) for query in variable_queries()])
def test_every_variable_offers_one_column_of_texts(live: Live, query: Query) -> None:
    answer = asked(live, query)
    assert len(answer.names) == 1 and answer.types[0] in ("String", "LowCardinality(String)")
    assert answer.rows and all(row[0] for row in answer.rows)


@pytest.mark.parametrize("query", [pytest.param(query, id=str(query)) for query in annotation_queries()])
def test_every_annotation_marks_a_time_with_texts(live: Live, query: Query) -> None:
    answer = asked(live, query)
    assert answer.names[0] == "time" and answer.names[-3:] == ["title", "text", "tags"]
    assert answer.rows
    for name, kind in zip(answer.names, answer.types, strict=True):
        assert _TIME.fullmatch(kind) if name in ("time", "timeEnd") else kind == "String", (name, kind)
    assert all(live.since <= utc(at) <= live.until for at in answer.column("time"))


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_chosen_value_counts_only_its_calls_and_all_counts_every_call(
    live: Live, name: str, offered: dict[str, list[str]]
) -> None:
    [calls] = [query for query in panel_queries() if query.board == "overview" and query.of == "Calls"]
    truth = "SELECT sum(calls) FROM spanledger.ledger WHERE minute >= {since:DateTime('UTC')}"
    given: dict[str, Any] = {"since": live.since}
    [[every]] = live.client.query(truth, parameters=given).result_rows
    assert sum(asked(live, calls).column("calls")) == every > 1_000
    values = offered[name]
    for chosen in ([values[0]], values[:2]):
        names = [value.replace("\\\\", "\\") for value in chosen]
        [[some]] = live.client.query(
            f"{truth} AND {DIMENSIONS[name]} IN {{names:Array(String)}}", parameters=given | {"names": names}
        ).result_rows
        assert sum(asked(live, calls, {name: chosen}).column("calls")) == some > 0


def test_a_value_with_quotes_and_backslashes_is_filtered_by_as_it_is(live: Live, offered: dict[str, list[str]]) -> None:
    [calls] = [query for query in panel_queries() if query.board == "overview" and query.of == "Calls"]
    [odd] = [value for value in offered["service"] if "odd" in value]
    assert sum(asked(live, calls, {"service": [odd]}).column("calls")) == 4
    [table] = [query for query in panel_queries() if query.board == "overview" and query.of == "By $by"]
    assert ODD in asked(live, table, {"service": [odd], "by": "service"}).column("series")


def test_what_is_not_among_the_largest_is_summed_up_and_nothing_is_lost(live: Live) -> None:
    [by] = [query for query in panel_queries() if query.board == "overview" and query.of == "Calls by $by"]
    [calls] = [query for query in panel_queries() if query.board == "overview" and query.of == "Calls"]
    answer = asked(live, by, {"by": "customer"})
    assert "others" in answer.column("series") and len(set(answer.column("series"))) == 9
    assert sum(answer.column("calls")) == sum(asked(live, calls).column("calls"))
