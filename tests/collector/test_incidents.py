"""Planted incidents: who is called, when, and that the rules for Prometheus say the same."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from collector.promises import Promises, config, text
from spanledger_collector import yaml_file
from spanledger_collector.slo import Target, generate, grafana, prometheus
from stores import Stores

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
INCIDENT = MONDAY + timedelta(days=3, hours=2)
END = INCIDENT + timedelta(hours=2)
MINUTE = timedelta(minutes=1)
MINUTES = [INCIDENT - 10 * MINUTE + number * MINUTE for number in range(120)]
TEN_SECONDS = timedelta(seconds=10)
INCIDENTS = ("outage", "slow", "blip", "stopped", "hourly", "costly")


@pytest.fixture(scope="module")
def planted(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promises]:
    """Three days of calls, and then an incident in each service."""
    promises = Promises(
        stores.unpriced(tmp_path_factory.mktemp("incidents")),
        config(
            [{"name": name, "scope": {"services": [name]}} for name in INCIDENTS[:-1]],
            # a call in ten seconds costs 86.4 USD a day
            [{"name": "costly", "amount": 3000, "scope": {"services": ["costly"]}}],
        ),
    )
    begin, end = f"toDateTime('{text(INCIDENT)}', 'UTC')", f"toDateTime('{text(END)}', 'UTC')"
    promises.call("outage", MONDAY, END, TEN_SECONDS, f"timestamp >= {begin} AND timestamp < {begin} + 1200")
    promises.call(
        "slow", MONDAY, END, TEN_SECONDS, f"timestamp >= {begin} - 86400 AND n % 200 = 0 AND {end} > timestamp"
    )
    promises.call("blip", MONDAY, END, TEN_SECONDS, f"timestamp >= {begin} AND timestamp < {begin} + 30")
    promises.call("stopped", MONDAY, INCIDENT - timedelta(hours=1), TEN_SECONDS)
    promises.call("hourly", MONDAY, END, timedelta(hours=1), f"timestamp = {begin}")
    promises.call("costly", MONDAY, INCIDENT, TEN_SECONDS)
    promises.call("costly", INCIDENT, END, timedelta(milliseconds=200))
    yield promises
    promises.close()


@pytest.fixture(scope="module")
def fired(planted: Promises) -> dict[datetime, set[tuple[str, str]]]:
    """What fires in each minute around the incident."""
    return {at: planted.firing(at) for at in MINUTES}


def spells(fired: dict[datetime, set[tuple[str, str]]], objective: str, severity: str) -> list[tuple[int, int]]:
    """Minutes after the incident began from and to which it fires."""
    on = [round((at - INCIDENT) / MINUTE) for at, what in fired.items() if (objective, severity) in what]
    starts = [minute for minute in on if minute - 1 not in on]
    return [(start, next(minute for minute in range(start, 999) if minute not in on)) for start in starts]


def test_an_outage_pages_within_a_minute_and_until_half_an_hour_after_it(
    fired: dict[datetime, set[tuple[str, str]]],
) -> None:
    [(start, end)] = spells(fired, "outage", "page")
    assert start == 1 and 48 <= end <= 50


def test_a_slow_burn_makes_a_ticket_and_no_page(fired: dict[datetime, set[tuple[str, str]]]) -> None:
    assert spells(fired, "slow", "page") == []
    assert spells(fired, "slow", "ticket") == [(-10, 110)]


def test_a_brief_blip_calls_nobody(fired: dict[datetime, set[tuple[str, str]]]) -> None:
    assert spells(fired, "blip", "page") == spells(fired, "blip", "ticket") == []


def test_no_traffic_is_a_state_of_its_own_and_no_alert(
    planted: Promises, fired: dict[datetime, set[tuple[str, str]]]
) -> None:
    assert spells(fired, "stopped", "page") == spells(fired, "stopped", "ticket") == []
    before, after = (planted.status(at)["stopped"] for at in (INCIDENT - 2 * MINUTE, INCIDENT + MINUTE))
    assert (before["state"], after["state"]) == ("ok", "no_data")
    assert after["burn_1h"] is None and after["last_call_at"].replace(tzinfo=UTC) == INCIDENT - timedelta(
        hours=1, minutes=1
    )


def test_one_failed_call_of_one_an_hour_pages_nobody(
    planted: Promises, fired: dict[datetime, set[tuple[str, str]]]
) -> None:
    """A day has calls enough to judge, so that a ticket is made of it."""
    assert spells(fired, "hourly", "page") == []
    assert spells(fired, "hourly", "ticket") == [(1, 110)]
    assert planted.status(INCIDENT - MINUTE)["hourly"]["state"] == "low_traffic"


def test_money_that_burns_pages_like_an_outage(planted: Promises, fired: dict[datetime, set[tuple[str, str]]]) -> None:
    """Fifty times the pace of 86.40 USD a day, of a budget of 100 a day: 43 budgets."""
    [(start, _)] = spells(fired, "costly", "page")
    assert 19 <= start <= 22  # when over an hour it is 14.4 budgets
    assert planted.status(INCIDENT + timedelta(hours=1))["costly"]["state"] == "page"


def test_the_rule_that_grafana_asks_says_the_same(
    planted: Promises, fired: dict[datetime, set[tuple[str, str]]]
) -> None:
    rules = grafana(planted.config)["groups"][0]["rules"]
    assert len(rules) == 2 * len(INCIDENTS) and len({rule["uid"] for rule in rules}) == len(rules)
    for at in MINUTES[::40]:
        asked = " UNION ALL ".join(
            rule["data"][0]["model"]["rawSql"]
            .replace(
                "SELECT firing",
                f"SELECT '{rule['labels']['objective']}' AS o, '{rule['labels']['severity']}' AS s, firing",
            )
            .replace("$__toTime", f"toDateTime({round(at.timestamp())})")
            for rule in rules
        )
        assert {(row["o"], row["s"]) for row in planted.ask(asked) if row["firing"]} == fired[at]


def test_the_rule_of_an_objective_that_is_not_in_force_has_no_data(planted: Promises) -> None:
    at = text(INCIDENT + 10 * MINUTE)
    rule = "SELECT * FROM spanledger.alert_rule(objective='{}', severity='page', at='{}')"
    assert planted.ask(rule.format("no-such", at)) == []
    assert planted.fires("outage", "page", INCIDENT + 10 * MINUTE)
    assert not planted.fires("outage", "page", INCIDENT - 10 * MINUTE)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian's package prometheus)")
def test_prometheus_fires_on_the_same_incidents(
    planted: Promises, fired: dict[datetime, set[tuple[str, str]]], tmp_path: Path
) -> None:
    """Asked through its own tester, every five minutes, where nothing changes just then: its windows end with a scrape."""
    (tmp_path / "rules.yml").write_text(generate(Target.PROMETHEUS, planted.config))
    settled = [
        at
        for position, at in enumerate(MINUTES)
        if at.minute % 5 == 0 and all(fired[near] == fired[at] for near in MINUTES[max(position - 4, 0) : position + 5])
    ]
    assert len(settled) > 12 and {len(fired[at] - fired[MINUTES[0]]) for at in settled} == {0, 4, 5}
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "5m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series(planted),
                "alert_rule_test": [
                    {
                        "eval_time": f"{round((at - MONDAY) / MINUTE)}m",
                        "alertname": "SpanledgerBudgetBurn",
                        "exp_alerts": expected(planted, fired[at]),
                    }
                    for at in settled
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml_file.write(test))
    done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[:4000] + done.stderr[:4000]


def series(planted: Promises) -> list[dict[str, str]]:
    """The counters as they would have been scraped, a sample a minute."""
    minutes = round((END - MONDAY) / MINUTE) + 1
    metrics = {
        "slo": {"spanledger_slo_calls_total": "calls", "spanledger_slo_bad_calls_total": "bad"},
        "budget": {
            "spanledger_budget_spend_usd_total": "cost_usd",
            "spanledger_budget_unpriced_calls_total": "unpriced_calls",
        },
    }
    made = []
    for objective in planted.config.objectives:
        for metric, column in metrics[objective.kind].items():
            begin = f"toDateTime('{text(MONDAY)}', 'UTC')"
            [row] = planted.ask(
                "SELECT groupArray(total) AS totals FROM (SELECT sum(figure) OVER (ORDER BY at) AS total FROM ("
                f"SELECT minute + 60 AS at, toFloat64(sum({column})) AS figure FROM spanledger.objective_minutes "
                f"WHERE objective = '{objective.name}' AND NOT late GROUP BY at "
                f"ORDER BY at WITH FILL FROM {begin} TO {begin} + {60 * minutes} STEP 60))"
            )
            made.append(
                {
                    "series": f'{metric}{{{objective.kind}="{objective.name}"}}',
                    "values": " ".join(f"{value:.10g}" for value in row["totals"]),
                }
            )
    return made


def expected(planted: Promises, firing: set[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}
        for group in prometheus(planted.config)["groups"]
        for rule in group["rules"]
        if "alert" in rule and (rule["labels"]["objective"], rule["labels"]["severity"]) in firing
    ]


# -- how soon


@pytest.mark.parametrize("second", [0, 7, 8, 9, 31, 59])
def test_when_every_call_fails_somebody_is_paged_within_52_seconds(planted: Promises, second: int) -> None:
    """Of 99.9 %, an hour's 14.4-fold is gone after 51.84 seconds; the last second of data is the 52nd."""
    began = INCIDENT + timedelta(days=4 + second, seconds=second)
    planted.call("outage", began - timedelta(hours=1, minutes=2), began, timedelta(seconds=1))
    assert not planted.fires("outage", "page", began)
    planted.call("outage", began, began + timedelta(seconds=52), timedelta(seconds=1), "1")
    assert planted.fires("outage", "page", began + timedelta(seconds=52))
