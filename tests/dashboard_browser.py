"""The dashboard in a real browser: started as a user starts it, opened, waited for, and kept as a picture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = Path(__file__).parent / "screenshots"
HIGHEST = 3000
"""Pixels of a picture."""


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


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


@contextmanager
def page(
    browser: Browser,
    address: str,
    name: str,
    width: int = 1280,
    scheme: str = "light",
    charts: int = 0,
    picture: Path | None = None,
    highest: int = HIGHEST,
) -> Iterator[Page]:
    """A page once it has settled, with so many charts; a picture of it is kept, in `picture` if that is given. Nothing may
    come from anywhere else, nothing may be cut off, and the browser may have nothing to complain of."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]
    opened = context.new_page()
    elsewhere: list[str] = []
    opened.on("request", lambda request: elsewhere.append(request.url) if is_elsewhere(request.url) else None)
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(address)
    opened.wait_for_selector(".sl-card, .sl-state, .sl-verdict, .sl-table", timeout=60_000)
    opened.wait_for_function(
        f"document.querySelectorAll('.js-plotly-plot .main-svg').length >= {charts}", timeout=60_000
    )
    opened.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
    opened.wait_for_load_state("networkidle")
    yield opened
    height = opened.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    opened.set_viewport_size({"width": width, "height": max(900, min(int(height), highest))})
    opened.wait_for_load_state("networkidle")
    SCREENSHOTS.mkdir(exist_ok=True)
    opened.screenshot(path=picture or SCREENSHOTS / f"{name}-{width}-{scheme}.png")
    assert elsewhere == []
    assert complaints == []
    assert opened.locator("[data-testid=stException]").count() == 0
    assert not cut_off(opened), cut_off(opened)
    context.close()


def is_elsewhere(address: str) -> bool:
    return not address.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def is_complaint(message: ConsoleMessage) -> bool:
    """An error of the page. Streamlit asks for two files of its host below the page's own path, where there are none."""
    missing = "/_stcore/" in message.location.get("url", "") and "404" in message.text
    return message.type == "error" and not missing


def cut_off(opened: Page) -> list[str]:
    """Figures, labels and table heads of which a part cannot be seen."""
    found = opened.evaluate(
        """[...document.querySelectorAll('.sl-card .value, .sl-card .label, .sl-card .foot, .sl-table th, .sl-scroll')]
           .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(e => e.textContent.slice(0, 80))"""
    )
    return [str(text) for text in found]
