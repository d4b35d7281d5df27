"""SLOs of a running platform: the command line, the metrics, and what a project's key may see."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from collector.command_line import one_line, spanledger
from collector.promises import config
from collector.rig import Running, Start, until
from collector.traffic import CALL_COSTS, call, calls, request
from spanledger_collector import yaml_file
from spanledger_collector.config import load
from spanledger_collector.keys import Keys, Scope

FILE = """
slos:
  - {name: answers, indicator: availability, objective: 99.9, description: 'It answers {{ ever }}.', runbook: 'https://wiki/answers'}
  - {name: of-web, indicator: latency, threshold: 2.5s, objective: 95, scope: {projects: [web]}}
  - {name: of-both, indicator: availability, objective: 95, scope: {projects: [web, batch]}}
budgets:
  - {name: spend, amount: 5000, period: month, unpriced_call_usd: 0.02}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "slo.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def running(platform: Start, file: Path) -> Iterator[Running]:
    here = platform(config=load(file))
    here.send(request([*calls(3), call(error__type="500"), call(gen_ai__request__model="house-model")]))
    yield here.drained()


# -- the command line


def test_a_file_is_checked_without_anything_that_runs(file: Path) -> None:
    assert "SLOs: 3, budgets: 1" in spanledger("slo", "check", str(file)).stdout
    file.write_text(FILE.replace("95", "195", 1))
    assert "slos[1].objective: it is the percentage of good calls" in one_line(spanledger("slo", "check", str(file)))
    file.write_text("slos: [{name: a, indicator: speed, objective: 100}]")
    several = spanledger("slo", "check", str(file))
    assert (several.returncode, several.stdout) == (1, "")
    assert [line.split(": ")[:3] for line in several.stderr.splitlines()] == [
        ["spanledger", str(file), "slos[0].indicator"],
        ["spanledger", str(file), "slos[0].objective"],
    ]
    assert "No such file" in one_line(spanledger("slo", "check", str(file.parent / "none.yaml")))


def test_a_running_spanledger_says_what_is_in_force_and_how_it_stands(running: Running) -> None:
    url = running.platform.addresses.clickhouse
    listed = spanledger("slo", "list", "--url", url, "--format", "JSONEachRow").stdout.splitlines()
    assert [json.loads(line)["objective"] for line in listed] == ["answers", "of-both", "of-web", "spend"]
    assert json.loads(listed[2])["scope"] == "projects web"

    lines = spanledger("slo", "status", "--url", url, "--format", "JSONEachRow").stdout.splitlines()
    standing = {row["objective"]: row for row in map(json.loads, lines)}
    assert (standing["answers"]["calls"], standing["answers"]["bad"]) == (5, 1)
    assert (standing["answers"]["state"], standing["of-web"]["state"]) == ("low_traffic", "no_data")
    assert float(standing["spend"]["spent_usd"]) == pytest.approx(4 * float(CALL_COSTS) + 0.02)
    assert "answers" in spanledger("slo", "status", "--url", url).stdout
    past = spanledger("slo", "status", "--url", url, "--at", "2020-01-01", "--format", "JSONEachRow").stdout
    assert json.loads(past.splitlines()[0])["calls"] == 0


def test_a_configuration_that_is_wrong_keeps_the_platform_from_starting(data: Path, file: Path) -> None:
    file.write_text("slos: 7")
    for command in (("up", "--no-dashboard"), ("migrate",)):
        assert str(file) in one_line(spanledger(*command, "--data", str(data), "--config", str(file)))


def test_migrate_records_the_objectives_of_the_data_folders_configuration(data: Path) -> None:
    (data / "spanledger.yaml").write_text(FILE)
    assert "recorded answers" in spanledger("migrate", "--data", str(data)).stdout
    assert "recorded" not in spanledger("migrate", "--data", str(data)).stdout


def test_migrate_without_a_configuration_leaves_the_objectives_and_with_one_ends_what_it_does_not_name(
    data: Path,
) -> None:
    (data / "spanledger.yaml").write_text(FILE)
    spanledger("migrate", "--data", str(data))
    (data / "spanledger.yaml").unlink()
    said = spanledger("migrate", "--data", str(data)).stdout
    assert "recorded" not in said and "ended" not in said
    (data / "spanledger.yaml").write_text("".join(line for line in FILE.splitlines(True) if "of-web" not in line))
    said = spanledger("migrate", "--data", str(data)).stdout
    assert "ended of-web" in said and "recorded" not in said and "answers" not in said


def test_rules_are_generated_for_each_objective_and_severity(file: Path, data: Path) -> None:
    made = file.parent / "rules.yaml"
    done = spanledger("slo", "generate", "grafana", "--config", str(file), "--out", str(made), "--data", str(data))
    assert done.returncode == 0, done.stderr
    [group] = yaml_file.read(made)["groups"]
    assert len({rule["title"] for rule in group["rules"]}) == 8
    assert group["rules"][0]["annotations"]["runbook_url"] == "https://wiki/answers"
    assert group["rules"][0]["annotations"]["description"] == "It answers { { ever }}."

    (data / "spanledger.yaml").write_text(FILE)
    printed = spanledger("slo", "generate", "prometheus", "--data", str(data)).stdout
    assert printed.startswith("# Made by `spanledger slo generate prometheus`") and "&id" not in printed
    assert printed.count("alert: SpanledgerBudgetBurn") == 8
    (data / "spanledger.yaml").write_text("")
    assert "no SLOs or budgets" in one_line(spanledger("slo", "generate", "prometheus", "--data", str(data)))


# -- metrics

COUNTERS = (
    'spanledger_slo_calls_total{slo="answers"}',
    'spanledger_slo_bad_calls_total{slo="answers"}',
    'spanledger_budget_spend_usd_total{budget="spend"}',
    'spanledger_budget_unpriced_calls_total{budget="spend"}',
)


def counters(running: Running) -> list[float]:
    found = running.metrics()
    return [found[name] for name in COUNTERS]


def test_the_counters_go_on_after_a_restart_and_leave_out_what_is_late(
    running: Running, platform: Start, file: Path
) -> None:
    expected = [5, 1, pytest.approx(4 * float(CALL_COSTS)), 1]
    until(lambda: counters(running) == expected)
    assert running.metrics()['spanledger_slo_calls_total{slo="of-web"}'] == 0
    running.send(request([call(start_ns=time.time_ns() - 3600 * 10**9)]))
    until(lambda: running.metrics()['llm_requests_total{model="gpt-4o",status="ok"}'] == 4)
    assert counters(running) == expected

    again = platform(config=load(file))
    assert counters(again) == expected
    again.send(request(calls(1)))
    until(lambda: counters(again) == [6, 1, pytest.approx(5 * float(CALL_COSTS)), 1])


def test_an_objective_that_counts_old_calls_begins_its_counters_at_nothing(running: Running, platform: Start) -> None:
    again = platform(config=config([{"name": "answers", "errors": ["client"]}]))
    assert again.metrics()['spanledger_slo_calls_total{slo="answers"}'] == 0
    assert again.one("SELECT sum(calls) FROM objective_minutes") == "5"


# -- keys


def test_a_projects_key_sees_the_objectives_that_are_about_that_project_alone(
    data: Path, platform: Start, file: Path
) -> None:
    keys = Keys(data / "keys.json")
    web, batch = (keys.create(project, list(Scope), datetime.now(UTC)) for project in ("web", "batch"))
    running = platform(config=load(file))
    for key in (web, batch):
        assert running.send(request(calls(2)), key).status_code == 200
    running.drained()

    at = "at=toDateTime('2100-01-01 00:00:00', 'UTC')"
    for view in (
        "objectives_now",
        f"objective_status({at})",
        f"objective_windows({at})",
        "objectives",
        "objective_minutes",
    ):
        query = f"SELECT arraySort(groupUniqArray(objective)) FROM {view}"
        assert (running.one(query, web), running.one(query, batch)) == ("['of-web']", "[]")
    url = running.platform.addresses.clickhouse
    assert "this key sees none" in spanledger("slo", "status", "--url", url, "--key", batch).stderr
    rule = f"SELECT firing FROM alert_rule(objective='of-both', severity='page', {at})"
    assert running.one(rule, web) == ""  # none that it may see: no data
    assert running.platform.store.query(
        "SELECT sum(calls) FROM spanledger.objective_minutes WHERE objective = 'of-both'"
    ) == [(4,)]
