"""The views that only the Grafana boards read, against what was put in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from spanledger_collector.store import Store
from stores import Stores

MIDNIGHT = datetime(2026, 9, 1, tzinfo=UTC)
RANGE = "from='2026-09-01 00:00:00', to='2026-09-02 00:00:00'"
ALL = "environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[]"


@pytest.fixture(scope="module")
def client(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    store = Store(stores.unpriced(tmp_path_factory.mktemp("data")) / "store")
    for table in ("spans", "deliveries"):
        store.keep(table, 0)  # what is put in has the same times whenever this runs
    opened = store.open()
    yield opened
    opened.close()
    store.close()


@pytest.fixture(autouse=True)
def empty(client: Client) -> None:
    for table in ("spans", "ledger", "prices", "deliveries"):
        client.command(f"TRUNCATE TABLE spanledger.{table}")


def put(client: Client, table: str, *rows: dict[str, Any]) -> None:
    names = list(rows[0])
    client.insert(f"spanledger.{table}", [[row[name] for name in names] for row in rows], column_names=names)


def ask(client: Client, question: str) -> list[dict[str, Any]]:
    return [dict(row) for row in client.query(f"SELECT * FROM spanledger.{question}").named_results()]


def span(version: str, hours: float, service: str = "web") -> dict[str, Any]:
    value = "\n" + chr(len(version)) + version
    resource = f"([('service.version','{value}')],[])".replace("\n", "\\n")
    at = MIDNIGHT + timedelta(hours=hours)
    return {"project": "default", "timestamp": at, "received_at": at, "service_name": service, "resource": resource}


def posting(hours: float, **more: Any) -> dict[str, Any]:
    at = MIDNIGHT + timedelta(hours=hours)
    plain = {"timestamp": at, "posted_at": at, "period": at.date(), "kind": "charge", "project": "default", "calls": 1}
    return {**plain, "service_name": "web", "provider": "openai", "model": "gpt-5", "cost_status": "priced", **more}


def test_a_deploy_is_the_first_span_of_a_version_that_had_not_run_in_the_month_before(client: Client) -> None:
    put(
        client,
        "spans",
        span("1.0", -5),
        span("1.0", 3),
        span("1.1", 4),
        span("1.1", 5),
        span("1.0", 1, "other"),
        span("2.0", 30),
    )
    found = ask(client, f"deploys(project='', environments=[], services=[], {RANGE})")
    assert {(row["service"], row["version"], row["time"]) for row in found} == {
        ("other", "1.0", naive(1)), ("web", "1.1", naive(4)),
    }  # fmt: skip
    assert [
        row["service"] for row in ask(client, f"deploys(project='', environments=[], services=['web'], {RANGE})")
    ] == ["web"]
    assert ask(client, f"deploys(project='nobody', environments=[], services=[], {RANGE})") == []


def test_a_prompt_s_version_is_deployed_too(client: Client) -> None:
    put(
        client,
        "ledger",
        *(
            posting(hours, prompt_name="greet", prompt_version=version)
            for hours, version in [(-2, "1"), (2, "1"), (6, "2")]
        ),
    )
    [row] = ask(client, f"deploys(project='', environments=[], services=[], {RANGE})")
    assert (row["what"], row["name"], row["version"], row["time"]) == ("prompt", "greet", "2", naive(6))


def test_a_price_change_has_the_rate_before_and_after_and_is_of_a_model_in_use(client: Client) -> None:
    def card(model: str, hours: float, rate: int, edition: int = 1) -> dict[str, Any]:
        return {
            "provider": "openai", "model": model, "valid_from": MIDNIGHT + timedelta(hours=hours),
            "valid_to": MIDNIGHT + timedelta(days=900), "minute_to": 1440, "input_uncached": rate, "output_text": 10,
            "price_id": f"openai/{model}", "recorded_at": MIDNIGHT + timedelta(days=edition),
        }  # fmt: skip

    put(client, "ledger", posting(2))
    put(
        client, "prices",
        card("gpt-5", -100, 9, edition=0), card("gpt-5", 3, 1, edition=0),  # an edition that is no longer in force
        card("gpt-5", -100, 2), card("gpt-5", 5, 3), card("gpt-5", 6, 3), card("gpt-5", 40, 4),
        card("unused", -100, 2), card("unused", 5, 3),
    )  # fmt: skip
    [row] = ask(client, f"price_changes(project='', {RANGE})")
    assert (row["model"], row["time"], row["input_before"], row["input_now"]) == ("gpt-5", naive(5), 2, 3)
    assert row["output_before"] == row["output_now"] == 10


def test_arrivals_count_exports_that_are_missing_and_spans_that_were_dropped(client: Client) -> None:
    def export(sequence: int, dropped: int = 0, process: str = "p", service: str = "web") -> dict[str, Any]:
        return {"project": "default", "received_at": MIDNIGHT + timedelta(hours=1), "digest": b"0" * 16, "spans": 5,
                "exports": [(service, process, sequence, dropped, 5, 0, 0, 0, False)], "segment": 1}  # fmt: skip

    put(client, "deliveries", export(3), export(4), export(7, 2), export(9, 6, "q"), export(0, 0, "", ""))
    web, stampless = sorted(ask(client, f"arrivals(project='', {RANGE})"), key=lambda row: -row["spans"])
    assert (web["service"], web["exports"], web["spans"], web["missing"], web["dropped"]) == ("web", 4, 20, 2, 8)
    assert (stampless["service"], stampless["missing"]) == ("", 0)


def test_efficiency_divides_only_what_is_known(client: Client) -> None:
    tokens = {"input_uncached": 600, "cache_read": 300, "output_text": 80, "reasoning": 20, "reports_cache": True}
    put(
        client, "ledger",
        posting(1, **tokens, cost_usd=0.002),
        posting(2, **tokens, cost_usd=None) | {"cost_status": "unpriced", "model": "house"},
    )  # fmt: skip
    [row] = ask(client, f"efficiency(step=0, by='', {RANGE}, project='', {ALL})")
    assert (row["tokens"], row["tokens_per_call"], row["cost_usd_per_million_tokens"]) == (2000, 1000, 2.0)
    assert (row["fresh_input_tokens"], row["answer_tokens"], row["reasoning_share"]) == (1200, 160, 0.2)
    rows = {row["value"]: row for row in ask(client, f"efficiency(step=0, by='model', {RANGE}, project='', {ALL})")}
    assert rows["house"]["cost_usd_per_million_tokens"] is None


def naive(hours: float) -> datetime:
    """As the driver gives a time in UTC."""
    return (MIDNIGHT + timedelta(hours=hours)).replace(tzinfo=None)
