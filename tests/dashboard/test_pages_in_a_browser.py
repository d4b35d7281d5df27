"""The pages in a real browser: they open, say what the views say, stay inside the window, and are kept as pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dashboard_store import Store
from spanledger_dashboard import explain

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pages not opened in a browser"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: pages not opened in a browser")

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
RANGE = "range=custom&from=2026-09-02T00:00&to=2026-09-03T00:00"
NOW = "from='2026-09-02 00:00:00', to='2026-09-03 00:00:00', project=''"
ALL = "environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[]"
Open = Callable[..., AbstractContextManager["Page"]]


@contextmanager
def dashboard(dsn: str, port: int) -> Iterator[str]:
    """The dashboard as a user starts it. Yields its URL."""
    command = [sys.executable, "-m", "spanledger_dashboard", "--port", str(port)]
    environment = os.environ | {"SPANLEDGER_CLICKHOUSE_DSN": dsn}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    try:
        while not answers(f"{url}/_stcore/health"):
            assert process.poll() is None, "the dashboard stopped"
            assert time.monotonic() < deadline, "the dashboard did not start within a minute"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def url(store: Store, free_port: int) -> Iterator[str]:
    with dashboard(store.dsn, free_port) as address:
        yield address


@contextmanager
def page(
    browser: Browser, address: str, name: str, width: int = 1280, scheme: str = "light", charts: int = 0
) -> Iterator[Page]:
    """A page once it has settled, with so many charts; a picture of it is kept. Nothing may come from anywhere else."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]
    opened = context.new_page()
    elsewhere: list[str] = []
    opened.on("request", lambda request: elsewhere.append(request.url) if is_elsewhere(request.url) else None)
    opened.goto(address)
    opened.wait_for_selector(".sl-card, .sl-state", timeout=60_000)
    opened.wait_for_function(
        f"document.querySelectorAll('.js-plotly-plot .main-svg').length >= {charts}", timeout=60_000
    )
    opened.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
    opened.wait_for_load_state("networkidle")
    yield opened
    height = opened.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    opened.set_viewport_size({"width": width, "height": max(900, min(int(height), 3000))})
    SCREENSHOTS.mkdir(exist_ok=True)
    opened.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png")
    assert elsewhere == []
    assert opened.locator("[data-testid=stException]").count() == 0
    assert cut_off(opened) == []
    context.close()


def is_elsewhere(address: str) -> bool:
    return not address.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def cut_off(opened: Page) -> list[str]:
    """Figures, labels and table heads of which a part cannot be seen."""
    found = opened.evaluate(
        """[...document.querySelectorAll('.sl-card .value, .sl-card .label, .sl-card .foot, .sl-table th, .sl-scroll')]
           .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(e => e.textContent.slice(0, 80))"""
    )
    return [str(text) for text in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1600])
def test_the_overview_opens_and_says_what_the_views_say(
    store: Store, browser: Browser, url: str, width: int, scheme: str
) -> None:
    usage = store.row(f"SELECT * FROM spanledger.usage(step=0, by='', {NOW}, {ALL})")
    latency = store.row(f"SELECT * FROM spanledger.latency(step=0, by='', {NOW}, {ALL})")
    with page(browser, f"{url}/?{RANGE}", "overview", width, scheme, charts=6) as opened:
        figures = opened.locator(".sl-card .value").all_text_contents()
        assert figures == [
            explain.count(usage["calls"]),
            explain.percent(usage["error_rate"]),
            explain.money(usage["cost_usd"]),
            explain.percent(usage["cache_hit_rate"]),
            explain.duration(latency["p50_duration_ns"]),
            explain.duration(latency["p95_duration_ns"]),
            explain.duration(latency["p99_duration_ns"]),
            explain.duration(latency["p50_ttft_ns"]),
        ]
        coverage = explain.coverage(usage["priced_share"], usage["unpriced_share"])
        assert opened.locator(".sl-card .foot.warn").text_content() == coverage
        assert opened.locator(".js-plotly-plot").count() == 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("by", ["model", "team", "customer"])
def test_spend_opens_by_each_dimension_and_its_table_says_what_the_view_says(
    store: Store, browser: Browser, url: str, by: str, scheme: str
) -> None:
    question = f"SELECT value, cost_usd FROM spanledger.usage(step=0, by='{by}', {NOW}, {ALL})"
    costs = {(explain.named(value), explain.money(usd)) for value, usd in store.client.query(question).result_rows}
    with page(browser, f"{url}/spend?{RANGE}&by={by}", f"spend-by-{by}", 1280, scheme, charts=2) as opened:
        table = opened.locator(".sl-table").first.locator("tbody tr")
        cells = [row.locator("td").all_text_contents() for row in table.all()]
        assert {(row[0], row[1]) for row in cells} == costs
        shown = [row.get_attribute("title") for row in opened.locator(".sl-stack div").all()]
        assert any("unpriced" in str(words) for words in shown)


def test_a_choice_on_one_page_holds_on_the_other_and_survives_a_reload(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/?{RANGE}", "overview-filtered") as opened:
        opened.get_by_label("Team").click()
        opened.get_by_role("option", name="core").click()
        opened.wait_for_url("**team=core**")
        opened.get_by_test_id("stSidebar").get_by_text("Spend", exact=True).click()
        opened.wait_for_url("**/spend?**team=core**")
        assert "from=2026-09-02" in opened.url
        opened.reload()
        opened.wait_for_selector(".sl-card")
        opened.get_by_test_id("stMultiSelect").filter(has_text="core").wait_for()
        assert "team=core" in opened.url


def test_a_project_without_calls_shows_how_to_send_the_first_span(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/?project=new-app", "empty") as opened:
        assert opened.get_by_text("No calls in new-app").count() == 1
        assert opened.get_by_test_id("stCode").first.text_content()
        assert opened.get_by_role("button", name="Check again").count() == 1


def test_a_store_that_is_away_is_named_with_a_way_out(browser: Browser, free_port: int) -> None:
    with (
        dashboard("http://127.0.0.1:9", free_port + 1) as address,
        page(browser, f"{address}/spend", "away", scheme="dark") as opened,
    ):
        assert opened.get_by_text("The store does not answer").count() == 1
        assert opened.get_by_role("button", name="Try again").count() == 1
