"""/metrics: the four names that people know, equal to the ledger, and never falling."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from collector.rig import DEADLINE, PROTOBUF, Running, Start, until
from collector.traffic import CALL_COSTS, call, calls, log_request, metric_request, poison, request
from prometheus_client.parser import text_string_to_metric_families
from spanledger_collector.door import Door
from spanledger_collector.forwarder import Forwarder
from spanledger_collector.keys import Keys
from spanledger_collector.metrics import MODELS_LIMIT, UNCOUNTED_LIMIT, Metrics
from spanledger_collector.spool import Spool
from spanledger_collector.store import Store


@pytest.fixture
def running(platform: Start) -> Running:
    return platform()


def test_the_four_names_are_there_and_equal_the_ledger(running: Running) -> None:
    failed = call(gen_ai__request__model="gpt-4o-mini", error__type="500")
    unknown = call(gen_ai__request__model="house-model", gen_ai__usage__cache_read__input_tokens=400)
    for body in (request([*calls(3), failed]), request([unknown])):
        assert running.send(body).status_code == 200
        running.drained()
    found = until(lambda: running.metrics() if running.metrics().get("spanledger_requests_posted_total") == 2 else None)

    assert found['llm_requests_total{model="gpt-4o",status="ok"}'] == 3
    assert found['llm_requests_total{model="gpt-4o-mini",status="error"}'] == 1
    assert found['llm_requests_total{model="house-model",status="ok"}'] == 1
    assert Decimal(str(found['llm_cost_dollars{model="gpt-4o"}'])) == 3 * CALL_COSTS
    assert found['llm_cost_dollars{model="house-model"}'] == 0
    assert found['llm_tokens_total{model="house-model",type="input_uncached"}'] == 600
    assert found['llm_tokens_total{model="house-model",type="cache_read"}'] == 400
    assert found['llm_tokens_total{model="gpt-4o",type="output_text"}'] == 300
    assert found['llm_latency_seconds_count{model="gpt-4o"}'] == 3
    assert found['llm_latency_seconds_sum{model="gpt-4o"}'] == 3
    assert found['llm_latency_seconds_bucket{le="0.5",model="gpt-4o"}'] == 0
    assert found['llm_latency_seconds_bucket{le="1.0",model="gpt-4o"}'] == 3
    assert found['llm_latency_seconds_bucket{le="+Inf",model="gpt-4o"}'] == 3

    for model, status, number, cost in running.platform.store.query(
        "SELECT model, status, sum(calls), sum(cost_usd) FROM spanledger.ledger GROUP BY model, status"
    ):
        assert found[f'llm_requests_total{{model="{model}",status="{status}"}}'] == number
        assert Decimal(str(found[f'llm_cost_dollars{{model="{model}"}}'])) == (cost or 0)


def test_models_without_end_share_one_label_and_none_of_their_calls_is_missed(running: Running) -> None:
    def send(names: Sequence[str]) -> Any:
        before = running.metrics()["spanledger_requests_posted_total"]
        assert running.send(request([call(gen_ai__request__model=name) for name in names])).status_code == 200
        running.drained()
        return until(
            lambda: found if (found := running.metrics())["spanledger_requests_posted_total"] > before else None
        )

    send(["gpt-4o"])
    found = send(["often", *(f"model-{n}" for n in range(MODELS_LIMIT)), "often"])
    requests = {name: number for name, number in found.items() if name.startswith("llm_requests_total")}
    assert len(requests) == MODELS_LIMIT + 1
    assert requests['llm_requests_total{model="_OTHER",status="ok"}'] == 2
    assert requests['llm_requests_total{model="often",status="ok"}'] == 2
    assert sum(requests.values()) == MODELS_LIMIT + 3

    found = send(["gpt-4o", "the-next"])
    assert found['llm_requests_total{model="gpt-4o",status="ok"}'] == 2
    assert found['llm_requests_total{model="_OTHER",status="ok"}'] == 3


def test_what_was_acknowledged_and_not_kept_is_counted_by_signal(running: Running) -> None:
    for signal, body in (("logs", log_request(3)), ("metrics", metric_request(2))):
        assert running.http.post(f"/v1/{signal}", content=body, headers=PROTOBUF).status_code == 200
    running.drained()

    until(lambda: running.metrics()['spanledger_items_not_kept_total{signal="logs"}'] == 3)
    until(lambda: running.metrics()['spanledger_items_not_kept_total{signal="metrics"}'] == 2)


def test_counters_never_fall_not_even_when_the_ledger_is_corrected(running: Running) -> None:
    spans = calls(3)
    bodies = [request(spans), request(spans, service="again"), request(calls(1))]
    before: dict[str, float] = {}
    for body in bodies:
        running.send(body)
        running.drained()
        for _ in range(2):
            now = running.metrics()
            fallen = [name for name in before if "_total" in name or "llm_" in name if now[name] < before[name]]
            assert fallen == []
            before = now
    until(lambda: running.platform.store.query("SELECT sum(calls) FROM spanledger.ledger") == [(4,)])
    assert running.metrics()['llm_requests_total{model="gpt-4o",status="ok"}'] == 7


def test_the_collectors_own_health_is_there(running: Running) -> None:
    body = request(calls(2))
    running.send(body)
    running.send(body)
    running.send(b"no protobuf")
    running.send(poison())
    running.drained()
    found = until(lambda: now if (now := running.metrics())["spanledger_requests_quarantined_total"] else None)

    assert found["spanledger_requests_accepted_total"] == 2
    assert found["spanledger_requests_duplicate_total"] == 1
    assert found['spanledger_requests_taken_total{protocol="protobuf"}'] == 3
    assert found["spanledger_accepted_bytes_total"] == len(body) + len(poison())
    assert found['spanledger_requests_refused_total{protocol="protobuf",status="400"}'] == 1
    assert found["spanledger_spool_bytes"] == found["spanledger_spool_segments"] == 0
    assert found["spanledger_posting_failures"] == 0


def test_while_the_store_is_away_its_absence_can_be_scraped_and_nothing_is_missed(running: Running) -> None:
    running.platform.store.command("RENAME TABLE spanledger.ledger TO spanledger.away")
    running.send(request(calls(3)))
    found = until(lambda: now if (now := running.metrics())["spanledger_posting_failures"] else None)
    assert found["spanledger_spool_segments"] == 1
    assert found["spanledger_posting_lag_seconds"] > 0

    running.platform.store.command("RENAME TABLE spanledger.away TO spanledger.ledger")
    running.drained()
    until(lambda: running.metrics().get('llm_requests_total{model="gpt-4o",status="ok"}') == 3)


def test_a_scrape_that_a_store_keeps_waiting_keeps_nobody_from_posting(data: Path) -> None:
    asked, answer = threading.Event(), threading.Event()

    def query(sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        if parameters:
            asked.set()
            assert answer.wait(DEADLINE)
        return []

    spool, store = Spool(data / "spool"), Store(data / "store")
    with closing(store), closing(spool.journal), closing(spool):
        door = Door(spool, Keys(data / "keys.json"), lambda: 0, open_door=True, seen=[])
        metrics = Metrics(query, door, spool, Forwarder(spool, store))
        metrics.posted(1)
        scrape = threading.Thread(target=metrics.text, daemon=True)
        scrape.start()
        assert asked.wait(DEADLINE)

        def post() -> None:
            for segment in range(UNCOUNTED_LIMIT + 1):
                metrics.posted(segment)

        posting = threading.Thread(target=post, daemon=True)
        posting.start()
        posting.join(DEADLINE)
        assert not posting.is_alive() and scrape.is_alive()
        answer.set()
        scrape.join(DEADLINE)
        assert not scrape.is_alive()


def test_the_text_is_prometheus_own(running: Running) -> None:
    running.send(request([call(gen_ai__request__model='odd "name"\n\\')]))
    running.drained()
    answer = running.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    kinds = {family.name: family.type for family in text_string_to_metric_families(answer.text)}
    assert kinds["llm_requests"] == kinds["llm_tokens"] == "counter"
    assert kinds["llm_latency_seconds"] == "histogram"
