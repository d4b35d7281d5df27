"""The pictures of docs/screenshots, taken of the demo: `make screenshots`. No part of the suite: its file is not named like one."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from dashboard_browser import chromium, page
from docs_app import SESSION
from PIL import Image
from spanledger_demo.demo import CONFIG
from spanledger_demo.world import INCIDENTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
LARGEST = 200_000
"""Bytes of a picture."""
PATIENCE_S = 600


def incident(name: str, hours: float) -> str:
    """A range that ends so many hours after one of the demo's incidents began."""
    [one] = [incident for incident in INCIDENTS if incident.name == name]
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    until = (midnight - timedelta(days=one.age)).replace(minute=0) + timedelta(hours=hours)
    return f"range=custom&from={until - timedelta(hours=24):%FT%H:%M}&to={until:%FT%H:%M}"


# Name -> page, what it shows (words in braces are ids of the demo's spans: `found`), charts, scheme, height in pixels
PICTURES = {
    "overview": ("", "range=7d", 6, "light", 1400),
    "spend": ("spend", "range=7d&by=team", 2, "light", 1300),
    "latency": ("latency", "range=7d", 5, "light", 1960),
    "latency-dark": ("latency", "range=24h&by=prompt", 5, "dark", 1000),
    "errors": ("errors", incident("provider outage", 3), 1, "light", 1900),
    "providers": ("providers", incident("provider outage", 3), 2, "light", 1560),
    "reliability": ("reliability", "range=7d&objective=support-answers", 2, "light", 1960),
    "reliability-dark": ("reliability", "range=30d&objective=legal", 2, "dark", 1600),
    "delivery": ("delivery", "range=24h", 0, "light", 1240),
    "traces": ("traces", "range=24h&sort=dearest", 0, "light", 1200),
    "traces-dark": ("traces", "range=24h&sort=slowest&status=error", 0, "dark", 1000),
    "trace": ("traces", "range=24h&trace={agent}&span={failed}", 0, "light", 1500),
    "trace-dark": ("traces", "range=24h&trace={agent}&span={answer}", 0, "dark", 1500),
    "sessions": ("sessions", "range=24h", 0, "light", 1000),
    "session": ("sessions", f"range=24h&session={SESSION}", 0, "light", 1200),
    "compare": ("compare", "range=30d&trace={dearest}&trace={second}&prompt=support-answer", 0, "light", 1540),
    "alerts": ("alerts", "range=24h", 0, "light", 1240),
}


def free_ports(number: int) -> list[int]:
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(listener.getsockname()[1]) for listener in listening]
    for listener in listening:
        listener.close()
    return ports


@dataclass(frozen=True)
class Demo:
    """The demo's dashboard, with its whole history, live traffic, an alert and a silence, an agent, and a burst that was too much."""

    url: str
    client: Client

    def found(self) -> dict[str, str]:
        """Ids of what pictures are of."""
        of_agent = f"SELECT trace_id, span_id FROM spanledger.spans WHERE session_id = '{SESSION}'"
        dear = "SELECT trace_id FROM spanledger.spans WHERE timestamp > now() - INTERVAL 1 DAY AND operation = 'chat' "
        dear += "ORDER BY cost_usd DESC LIMIT 2"
        [(agent, failed)] = self.client.query(
            f"{of_agent} AND status = 'error' ORDER BY received_at DESC LIMIT 1"
        ).result_rows
        [(_, answer)] = self.client.query(
            f"{of_agent} AND finish_reason = 'stop' ORDER BY received_at DESC LIMIT 1"
        ).result_rows
        (dearest,), (second,) = self.client.query(dear).result_rows
        return {"agent": agent, "failed": failed, "answer": answer, "dearest": dearest, "second": second}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data = tmp_path_factory.mktemp("demo")
    (data / CONFIG.name).write_text(CONFIG.read_text(encoding="utf-8") + "content: {capture: true}\n", encoding="utf-8")
    otlp, grpc, sql, dashboard = free_ports(4)
    command = [
        sys.executable, "-m", "spanledger_demo", "--data", str(data), "--otlp-port", str(otlp), "--grpc-port",
        str(grpc), "--clickhouse-port", str(sql), "--dashboard-port", str(dashboard), "--rate", "3",
    ]  # fmt: skip
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(demo, lambda: json.loads((data / "demo-history.json").read_text())["complete"])
        client = clickhouse_connect.get_client(dsn=f"http://127.0.0.1:{sql}")
        for act in ("agent", "burst"):
            app = Path(__file__).with_name("docs_app.py")
            subprocess.run([sys.executable, app, act, f"http://127.0.0.1:{otlp}"], check=True)
        of_agent = f"SELECT count() FROM spanledger.spans WHERE session_id = '{SESSION}'"
        until(demo, lambda: int(str(client.command(of_agent))) > 0)
        until(demo, lambda: int(str(client.command("SELECT count() FROM spanledger.alerts_open"))) > 0)
        silence = ["code-completion-speed", "8h", "A smaller model is rolled out tonight."]
        subprocess.run(
            [sys.executable, "-m", "spanledger_collector", "alerts", "silence", f"objective={silence[0]}", "--data",
             str(data), "--for", silence[1], "--by", "ada", "--comment", silence[2]],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until(demo, lambda: int(str(client.command("SELECT countIf(silenced) FROM spanledger.alerts_open"))) > 0)
        yield Demo(f"http://127.0.0.1:{dashboard}", client)
    finally:
        demo.terminate()
        demo.wait(180)


def until(demo: subprocess.Popen[bytes], happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert demo.poll() is None, "the demo ended"
        with contextlib.suppress(OSError, ClickHouseError):  # it is not there yet
            if happens():
                return
        time.sleep(1)
    raise AssertionError("the demo took too long")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_each_page_is_kept_for_the_docs(demo: Demo, browser: Browser, name: str) -> None:
    where, query, charts, scheme, height = PICTURES[name]
    query = query.format_map(demo.found())
    picture = FOLDER / f"{name}.png"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with page(browser, f"{demo.url}/{where}?{query}", name, 1280, scheme, charts, picture, height):
        pass
    with Image.open(picture) as full:
        full.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)
    assert picture.stat().st_size < LARGEST, name
