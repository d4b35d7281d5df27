"""Real client libraries, one line of spanledger, and the books: what the provider billed is what the ledger says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import clickhouse_connect
import httpx2
import pytest
from clickhouse_connect.driver.client import Client
from collector.rig import DEADLINE, until

provider_of_the_demo = pytest.importorskip("spanledger_demo.provider", reason="the fake provider is the demo's")

BUCKETS = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_in",
    "output_text",
    "reasoning",
    "audio_out",
)
# dollars a million tokens, as the providers publish them
RATES = {
    "gpt-4o-2024-08-06": {"input_uncached": "2.5", "cache_read": "1.25", "output_text": "10", "reasoning": "10"},
    "gpt-4o-mini-2024-07-18": {"input_uncached": "0.15", "cache_read": "0.075", "output_text": "0.6", "reasoning": "0.6"},
    "text-embedding-3-small": {"input_uncached": "0.02"},
    "claude-sonnet-4-6": {
        "input_uncached": "3", "cache_read": "0.3", "cache_write_5m": "3.75", "cache_write_1h": "6", "output_text": "15",
    },
}  # fmt: skip
UNPRICED = "northwind-support-8b-v3"
APP = """
    import contextlib, json, os, sys
    import anthropic, openai, spanledger

    report = spanledger.instrument(service="shop", environment="production")
    provider = os.environ["PROVIDER"]
    ask = [{"role": "user", "content": "Where is my order?"}]
    oa = openai.OpenAI(base_url=provider + "/v1", api_key="k", max_retries=1)
    claude = anthropic.Anthropic(base_url=provider, api_key="k", max_retries=1)

    def order(**usage):
        return {"x-demo-reply": json.dumps({"usage": usage})}

    with spanledger.attribute(
        team="support", feature="tickets", customer="acme", user="jo", session="s1", prompt="triage", prompt_version="3", tier="gold"
    ):
        oa.chat.completions.create(model="gpt-4o", messages=ask)
        for _ in oa.chat.completions.create(model="gpt-4o", messages=ask, stream=True):
            pass
        oa.chat.completions.create(
            model="gpt-4o-mini", messages=ask, extra_headers=order(input_uncached=123_457, cache_read=7, output_text=3, reasoning=89)
        )
        oa.responses.create(model="gpt-4o", input="hi")
    with spanledger.attribute(team="search", feature="answers", customer="globex"):
        claude.messages.create(model="claude-sonnet-4-6", max_tokens=64, messages=ask)
        with claude.messages.stream(model="claude-sonnet-4-6", max_tokens=64, messages=ask) as stream:
            stream.get_final_message()
        oa.embeddings.create(model="text-embedding-3-small", input="a page")
    oa.chat.completions.create(model="northwind-support-8b", messages=ask)
    oa.chat.completions.create(model="err-429-once", messages=ask)
    for client in (oa.with_options(max_retries=0).chat.completions, claude.with_options(max_retries=0).messages):
        with contextlib.suppress(openai.APIError, anthropic.APIError):
            client.create(model="err-500", max_tokens=9, messages=ask)
    spanledger.shutdown()
    print(json.dumps({"report": str(report)}))
"""


def clean(**environment: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SPANLEDGER_"))} | environment


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, list[Any]]]:
    """The ledger of a running spanledger after an app has run against a provider, and the provider's own books."""
    data = tmp_path_factory.mktemp("end") / "data"
    ports = ["--otlp-port", "0", "--no-grpc", "--clickhouse-port", "0"]
    command = [sys.executable, "-m", "spanledger_collector", "up", "--no-dashboard", "--data", str(data), *ports]
    collector = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean())
    assert collector.stdout is not None
    try:
        where = {}
        for line in iter(collector.stdout.readline, ""):
            if "http://" in line:
                where[line.split()[0]] = line.split()[-1]
            if "Ctrl-C" in line:
                break
        endpoint = where["OTLP/HTTP"].removesuffix("/v1/traces")
        with provider_of_the_demo.FakeProvider() as provider:
            app = subprocess.run(
                [sys.executable, "-c", textwrap.dedent(APP)], capture_output=True, text=True, timeout=120,
                env=clean(PROVIDER=provider.url, SPANLEDGER_ENDPOINT=endpoint),
            )  # fmt: skip
            assert app.returncode == 0, app.stderr
            billed = provider.calls
        metrics = f"{endpoint}/metrics"
        until(lambda: "\nspanledger_spool_segments 0.0" in httpx2.get(metrics, trust_env=False).text)
        client = clickhouse_connect.get_client(dsn=where["SQL,"], database="spanledger")
        yield client, billed
        client.close()
    finally:
        collector.send_signal(signal.SIGTERM)
        collector.communicate(timeout=DEADLINE)


def cost(model: str, usage: Any) -> Decimal | None:
    rates = RATES.get(model)
    if rates is None:
        return None
    return sum((getattr(usage, name) * Decimal(rate) / 10**6 for name, rate in rates.items()), Decimal(0))


def test_each_call_is_in_the_ledger_with_the_tokens_that_were_billed_and_to_the_cent_what_they_cost(
    books: tuple[Client, list[Any]],
) -> None:
    client, billed = books
    rows = client.query(
        f"SELECT model, {', '.join(BUCKETS)}, cost_usd FROM ledger WHERE status = 'ok' AND calls = 1"
    ).result_rows
    found = Counter((row[0], tuple(tokens or 0 for tokens in row[1:9]), row[9]) for row in rows)

    expected = Counter(
        (call.model, tuple(getattr(call.usage, name) for name in BUCKETS), cost(call.model, call.usage))
        for call in billed
        if call.status == 200
    )
    assert found == expected
    assert sum(expected.values()) == 9


def test_the_ledger_sums_to_what_the_provider_billed(books: tuple[Client, list[Any]]) -> None:
    client, billed = books
    total = sum((cost(call.model, call.usage) or Decimal(0) for call in billed if call.status == 200), Decimal(0))
    assert client.query("SELECT sum(cost_usd) FROM ledger").result_rows == [(total,)]


def test_a_refused_call_is_posted_free_and_a_retry_inside_the_client_is_one_call(
    books: tuple[Client, list[Any]],
) -> None:
    client, billed = books
    refused = client.query(
        "SELECT provider, status, error_type != '', cost_usd, cost_status FROM ledger WHERE model = 'err-500'"
    )
    assert sorted(map(tuple, refused.result_rows)) == [
        (name, "error", True, Decimal(0), "free") for name in ("anthropic", "openai")
    ]
    assert [call.status for call in billed if call.request_model == "err-429-once"] == [429, 200]
    assert client.query("SELECT sum(calls) FROM ledger WHERE model = 'err-429-once'").result_rows == [(1,)]


def test_a_model_that_no_book_knows_is_unpriced_and_not_free(books: tuple[Client, list[Any]]) -> None:
    client, _ = books
    rows = client.query(
        f"SELECT cost_usd, cost_status, input_uncached FROM ledger WHERE model = '{UNPRICED}'"
    ).result_rows
    assert rows == [(None, "unpriced", 176)]


def test_attribution_arrives_on_every_call_made_inside_it(books: tuple[Client, list[Any]]) -> None:
    client, _ = books
    columns = "team, feature, customer, user_id, session_id, prompt_name, prompt_version"
    rows = client.query(f"SELECT {columns}, sum(calls) FROM ledger GROUP BY {columns} ORDER BY team").result_rows
    assert rows == [
        ("", "", "", "", "", "", "", 4),
        ("search", "answers", "globex", "", "", "", "", 3),
        ("support", "tickets", "acme", "jo", "s1", "triage", "3", 4),
    ]
    assert client.query("SELECT DISTINCT service_name, environment FROM ledger").result_rows == [("shop", "production")]
    assert client.query("SELECT count() FROM spans WHERE tags['tier'] = 'gold'").result_rows == [(4,)]


def test_the_view_of_the_spend_page_shows_it(books: tuple[Client, list[Any]]) -> None:
    client, billed = books
    everything = ", ".join(
        f"{name}=[]" for name in ("environments", "services", "providers", "models", "teams", "features", "customers")
    )
    rows = client.query(
        "SELECT value, calls, cost_usd FROM usage(step=0, by='team', from='2026-01-01 00:00:00', to='2100-01-01 00:00:00', "
        f"project='', {everything}) ORDER BY value"
    ).result_rows
    by_team = {value: (calls, spend) for value, calls, spend in rows}
    priced = [cost(call.model, call.usage) for call in billed if call.status == 200]
    assert {team: calls for team, (calls, _) in by_team.items()} == {"": 4, "search": 3, "support": 4}
    assert sum(spend or 0 for _, spend in by_team.values()) == sum(amount or 0 for amount in priced)


def test_what_was_sent_can_be_proved_stored(books: tuple[Client, list[Any]]) -> None:
    client, _ = books
    rows = client.query(
        "SELECT export.process, groupArray(export.sequence), max(export.dropped), sum(export.spans) FROM "
        "(SELECT arrayJoin(exports) AS export FROM deliveries ORDER BY received_at) GROUP BY export.process"
    ).result_rows
    [(process, sequences, dropped, spans)] = rows
    assert process and sorted(sequences) == list(range(1, len(sequences) + 1)) and dropped == 0
    assert client.query("SELECT count() FROM spans").result_rows == [(spans,)]
    assert client.query("SELECT count() FROM rejected").result_rows == [(0,)]


def test_nothing_that_was_said_is_kept(books: tuple[Client, list[Any]]) -> None:
    client, _ = books
    for table in ("spans", "ledger", "deliveries", "rejected"):
        text = json.dumps(client.query(f"SELECT * FROM {table}").result_rows, default=str)
        assert "Where is my order?" not in text
