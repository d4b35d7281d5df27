"""The boards as documents: what Grafana's own schemas say of them, and what a reader may expect of each."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana.reading import BOARDS, FOLDER, Json
from jsonschema import Draft7Validator
from spanledger_grafana.__main__ import files, main

SCHEMAS = Path(__file__).parent / "schemas"
KINDS = ("stat", "table", "timeseries")
PANELS = [
    pytest.param(board, panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
]


def schema(name: str) -> Json:
    found: Json = json.loads((SCHEMAS / f"{name}.jsonschema.json").read_text(encoding="utf-8"))
    if name == "dashboard":
        # "any value" is written as an object there; Grafana itself keeps texts, numbers and lists of links in it
        found["definitions"]["DynamicConfigValue"]["properties"]["value"] = {}
    return found


def problems(document: Any, name: str, definition: str) -> list[str]:
    rules = schema(name)
    validator = Draft7Validator({**rules, "$ref": f"#/definitions/{definition}"})
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(document)]


def units() -> set[str]:
    return {str(rule["const"]) for rule in schema("units")["definitions"].values() if "const" in rule}


def test_the_committed_boards_are_what_the_generator_makes(tmp_path: Path) -> None:
    assert main(["--check"]) == 0
    assert main(["--check", "--out", str(tmp_path)]) == 1
    assert main(["--out", str(tmp_path)]) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == files() == files()


def test_the_check_names_a_board_that_was_edited_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--out", str(tmp_path)])
    (tmp_path / "spend.json").write_text("{}", encoding="utf-8")
    assert main(["--check", "--out", str(tmp_path)]) == 1
    assert "spend.json" in capsys.readouterr().err


def test_links_lead_to_the_pages_that_the_generator_was_told_of() -> None:
    assert all("https://llm.example.com" in text for text in files("https://llm.example.com").values())


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_what_grafana_s_schema_says(name: str) -> None:
    assert problems(BOARDS[name], "dashboard", "Dashboard") == []


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_is_what_the_schema_of_its_kind_says(board: Json, panel: Json) -> None:
    assert panel["type"] in KINDS
    assert problems(panel["options"], panel["type"], "Options") == []
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    if panel["type"] != "stat":
        assert problems(custom, panel["type"], "FieldConfig") == []


def test_the_schemas_do_refuse() -> None:
    board = json.loads(json.dumps(BOARDS["spend"]))
    board["panels"][0]["gridPos"]["w"] = 25
    assert problems(board, "dashboard", "Dashboard")
    assert problems({"graphMode": "sparkle"}, "stat", "Options")


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_what_it_says_when_there_is_nothing(
    board: Json, panel: Json
) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"] and panel["description"].endswith(".")
    assert defaults["noValue"]
    shown = [defaults.get("unit")] if panel["type"] != "table" else [
        item["value"] for rule in panel["fieldConfig"]["overrides"] for item in rule["properties"] if item["id"] == "unit"
    ]  # fmt: skip
    assert shown and all(unit in units() or unit.startswith("suffix:") for unit in shown)


def test_colours_are_named_so_that_each_theme_has_its_shade() -> None:
    for name, text in files().items():
        assert not re.search(r'"#[0-9A-Fa-f]{3,8}"|rgba?\(', text), name


def test_boards_and_panels_have_numbers_of_their_own() -> None:
    uids = [board["uid"] for board in BOARDS.values()]
    assert len(uids) == len(set(uids)) == 5
    assert {board["title"] for board in BOARDS.values()} == {
        "LLM overview", "Spend", "Reliability", "Caching and efficiency", "Collector health",
    }  # fmt: skip
    for board in BOARDS.values():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids)) <= 12
        assert 8 <= len(board["uid"]) <= 40


@pytest.mark.parametrize("name", BOARDS)
def test_no_panel_covers_another_or_leaves_the_page(name: str) -> None:
    places = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        )  # fmt: skip
        assert apart, (one, other)
    # a row fills the width: figures first, at one height
    assert sum(place["w"] for place in places if place["y"] == 0) == 24


@pytest.mark.parametrize("name", BOARDS)
def test_every_time_that_a_query_is_given_is_told_its_zone(name: str) -> None:
    # a view's times are in UTC; a time without a zone is read there in the server's, and the range moves by the difference
    text = (
        json.dumps(BOARDS[name])
        .replace("toDateTime($__fromTime, 'UTC')", "")
        .replace("toDateTime($__toTime, 'UTC')", "")
    )
    assert "$__fromTime" not in text and "$__toTime" not in text


def test_sources_are_the_provisioned_ones() -> None:
    provisioned = (FOLDER / "provisioning/datasources/spanledger.yaml").read_text(encoding="utf-8")
    for board in BOARDS.values():
        for uid in re.findall(
            r'"uid": "([^"]+)"', json.dumps([board["panels"], board["templating"], board["annotations"]])
        ):
            assert f"uid: {uid}\n" in provisioned
