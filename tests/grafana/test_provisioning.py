"""What Grafana is given when it starts, against its schemas and the boards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from grafana.reading import BOARDS, FOLDER
from grafana.test_boards import problems
from spanledger_collector.cli import app
from typer.testing import CliRunner

PROVISIONING = FOLDER / "provisioning"


def said(name: str) -> Any:
    return yaml.safe_load((PROVISIONING / name).read_text(encoding="utf-8"))


def environment(name: str) -> dict[str, str]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_variable_of_the_provisioning_has_a_value_and_none_is_left_over() -> None:
    texts = [path.read_text(encoding="utf-8") for path in PROVISIONING.rglob("*.yaml")]
    used = {name for text in texts for name in re.findall(r"\$([A-Z][A-Z_]+)", text)}
    defaults = environment("provisioning.env")
    assert used == defaults.keys() and all(defaults.values())


def test_the_versions_are_pinned_to_a_line_that_the_data_source_runs_on() -> None:
    pinned = environment("versions.env")
    assert re.fullmatch(r"grafana/grafana:12\.\d+\.\d+", pinned["GRAFANA_IMAGE"])
    assert re.fullmatch(r"4\.\d+\.\d+", pinned["GRAFANA_CLICKHOUSE_PLUGIN_VERSION"])
    targets = [target for board in BOARDS.values() for panel in board["panels"] for target in panel["targets"]]
    versions = {target["pluginVersion"] for target in targets if "rawSql" in target}
    assert versions == {pinned["GRAFANA_CLICKHOUSE_PLUGIN_VERSION"]}


def test_the_data_source_speaks_http_as_a_user_of_the_ledgers_database() -> None:
    clickhouse, prometheus = said("datasources/spanledger.yaml")["datasources"]
    assert (clickhouse["jsonData"]["protocol"], clickhouse["jsonData"]["defaultDatabase"]) == ("http", "spanledger")
    assert "password" in clickhouse["secureJsonData"] and "password" not in clickhouse["jsonData"]
    assert prometheus["type"] == "prometheus"


def test_boards_are_read_from_files_into_a_folder_of_their_own() -> None:
    [provider] = said("dashboards/spanledger.yaml")["providers"]
    assert (provider["type"], provider["folderUid"]) == ("file", "spanledger")
    assert not provider["allowUiUpdates"]


def test_contact_points_are_what_grafana_s_schema_says_and_the_policy_sends_to_them() -> None:
    points = said("alerting/contact-points.yaml")["contactPoints"]
    for point in points:
        for receiver in point["receivers"]:
            assert problems({"name": point["name"], **receiver}, "alerting", "ContactPoint") == []
    [policy] = said("alerting/policies.yaml")["policies"]
    told = {policy["receiver"], *(route["receiver"] for route in policy["routes"])}
    assert told == {point["name"] for point in points}
    tree = {name: value for name, value in policy.items() if name != "orgId"}
    assert problems(tree, "alerting", "NotificationPolicy") == []


def test_the_alert_rules_are_what_the_product_makes_of_the_example(tmp_path: Path) -> None:
    made, example = tmp_path / "rules.yaml", FOLDER / "objectives.example.yaml"
    told = CliRunner().invoke(app, ["slo", "generate", "grafana", "--config", str(example), "--out", str(made)])
    assert told.exit_code == 0, told.output
    assert made.read_text(encoding="utf-8") == (PROVISIONING / "alerting/rules.yaml").read_text(encoding="utf-8")


def test_rules_ask_the_provisioned_source_and_lie_in_the_folder_of_the_boards() -> None:
    [group] = said("alerting/rules.yaml")["groups"]
    [provider] = said("dashboards/spanledger.yaml")["providers"]
    clickhouse = said("datasources/spanledger.yaml")["datasources"][0]
    assert group["folder"] == provider["folder"]
    for rule in group["rules"]:
        assert {query["datasourceUid"] for query in rule["data"]} == {clickhouse["uid"], "__expr__"}
        assert rule["labels"]["severity"] in ("page", "ticket")
