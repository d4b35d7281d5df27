"""How long a trace of 3,000 spans takes to open in a browser: by its link, and by a click in the list.

    cd tests && python -m bench.bench_pages

A store with that trace behind the read-only interface, the dashboard, and Chromium, all on this machine. By a link: until its rows
are drawn, with nothing in the browser's cache. By a click: within the session that is open.
"""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard_browser import CHROMIUM, chromium, dashboard
from dashboard_store import CALLS, HUGE, SPOKEN, serve
from stores import Stores

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RANGE = "range=custom&from=2026-09-02T00:00&to=2026-09-03T00:00"
RUNS = 5
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.goto(address, wait_until="commit")
    return page


def by_link(browser: Browser, url: str) -> float:
    begun = time.perf_counter()
    page = opened(browser, f"{url}/traces?{RANGE}&trace={HUGE}")
    page.get_by_role("treeitem", selected=True).wait_for()
    took = time.perf_counter() - begun
    page.context.close()
    return took


def by_click(browser: Browser, url: str) -> float:
    page = opened(browser, f"{url}/traces?{RANGE}")
    link = page.locator(".sl-table tbody tr").filter(has_text=HUGE[:8]).get_by_role("link")
    link.wait_for()
    page.wait_for_selector(IDLE)
    page.wait_for_load_state("networkidle")
    begun = time.perf_counter()
    link.click()
    page.get_by_role("treeitem", selected=True).wait_for()
    took = time.perf_counter() - begun
    page.context.close()
    return took


def main() -> None:
    if CHROMIUM is None:
        print("No chromium on this machine.")
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="spanledger-pages-") as name:
        (shared := Path(name) / "shared").mkdir()
        served = serve(Stores(shared).unpriced(Path(name) / "data"), CALLS, *SPOKEN)
        store = next(served)
        with dashboard(store.dsn, port) as url, chromium() as browser:
            by_link(browser, url)  # the first one starts everything
            for title, opens in (("by its link", by_link), ("by a click in the list", by_click)):
                took = sorted(opens(browser, url) for _ in range(RUNS))
                print(
                    f"a trace of 3,000 spans, {title:<24} {took[0]:.2f} to {took[-1]:.2f} s, median {took[RUNS // 2]:.2f}",
                    flush=True,
                )
        for _ in served:
            pass


if __name__ == "__main__":
    main()
