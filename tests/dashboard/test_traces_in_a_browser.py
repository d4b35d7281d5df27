"""Traces, Sessions and Compare in a real browser: they say what the views say, take no name for markup, and open what is huge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from dashboard_browser import CHROMIUM, chromium, dashboard, page
from dashboard_store import AGENT, CALLS, HOSTILE, HUGE, SPOKEN, Store, serve
from spanledger_dashboard import explain
from stores import Stores

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: pages not opened in a browser")

RANGE = "range=custom&from=2026-09-02T00:00&to=2026-09-03T00:00"
SESSION = f"talk {HOSTILE}"


@pytest.fixture(scope="module")
def spoken(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from serve(stores.unpriced(tmp_path_factory.mktemp("spoken")), CALLS, *SPOKEN)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def url(spoken: Store, free_port: int) -> Iterator[str]:
    with dashboard(spoken.dsn, free_port) as address:
        yield address


def figures(store: Store, trace_id: str) -> dict[str, Any]:
    return store.row(
        f"SELECT * FROM spanledger.traces(hashes=[], trace_ids=['{trace_id}'], project='', "
        "from='2026-09-01 00:00:00', to='2026-09-03 00:00:00')"
    )


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1600, "dark")])
def test_the_list_says_what_the_views_say_and_a_trace_opens_from_it(
    spoken: Store, browser: Browser, url: str, width: int, scheme: str
) -> None:
    row = figures(spoken, AGENT)
    with page(browser, f"{url}/traces?{RANGE}", "traces", width, scheme) as opened:
        rows = opened.locator(".sl-table tbody tr")
        expect(rows).to_have_count(11)
        mine = rows.filter(has_text=AGENT[:8])
        expect(mine).to_contain_text(explain.money(row["cost_usd"]))
        expect(mine).to_contain_text(explain.duration(row["duration_ns"]))
        expect(mine).to_contain_text(explain.second(row["timestamp"]))
        expect(opened.locator(".sl-facet a").filter(has_text="assistant")).to_contain_text("50")
        assert mine.get_by_role("link").get_attribute("href").startswith("traces?")  # type: ignore[union-attr]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1600, "dark")])
def test_a_trace_shows_its_sums_its_messages_and_no_markup_of_its_names(
    spoken: Store, browser: Browser, url: str, width: int, scheme: str
) -> None:
    row = figures(spoken, AGENT)
    address = f"{url}/traces?{RANGE}&trace={AGENT}&span=0000000000000002"
    with page(browser, address, "trace", width, scheme) as opened:
        expect(opened.locator(".sl-card .value").first).to_have_text(explain.money(row["cost_usd"]))
        expect(opened.get_by_role("treeitem")).to_have_count(5)
        root = opened.get_by_role("treeitem").first
        expect(root).to_contain_text(explain.money(row["cost_usd"]))
        expect(root).to_contain_text("not billed")
        expect(root).to_contain_text(HOSTILE)
        expect(opened.locator(".sl-said.user")).to_contain_text(f"Where is my order? {HOSTILE}")
        expect(opened.locator(".sl-said.assistant")).to_contain_text("calls search")
        expect(opened.locator(".sl-said.tool")).to_contain_text("on its way")
        expect(opened.get_by_text("app.note")).to_be_visible()
        expect(opened.locator("[data-testid=stMain] img")).to_have_count(0)
        assert opened.evaluate("window.hacked") is None


def test_an_error_has_its_stack_and_a_span_without_content_says_so(spoken: Store, browser: Browser, url: str) -> None:
    trace_id = f"{4096 + 9:X}".zfill(32)
    with page(browser, f"{url}/traces?{RANGE}&trace={trace_id}", "trace-error") as opened:
        expect(opened.get_by_test_id("stCode")).to_contain_text('File "app.py", line 7')
        expect(opened.get_by_role("treeitem", selected=True)).to_contain_text("chat gpt-5")
        expect(opened.locator(".sl-note").filter(has_text="Not captured. Prompts")).to_be_visible()
        expect(opened.locator(".sl-verdict")).to_contain_text(f"no answer {HOSTILE}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_trace_of_three_thousand_spans_opens_folded_down_to_the_span_of_the_link_and_keeps_a_screen_of_them(
    spoken: Store, browser: Browser, url: str, scheme: str
) -> None:
    row = figures(spoken, HUGE)
    with page(browser, f"{url}/traces?{RANGE}&trace={HUGE}&span={2500:016x}", "trace-huge", 1280, scheme) as opened:
        expect(opened.get_by_role("treeitem", selected=True)).to_contain_text("step 2499")
        expect(opened.locator(".sl-card .value").first).to_have_text(explain.money(row["cost_usd"]))
        expect(opened.get_by_role("treeitem", expanded=False).first).to_be_visible()
        opened.get_by_role("button", name="Unfold all").click()
        assert opened.locator(".body").evaluate("body => body.clientHeight") == 3000 * 32
        assert opened.get_by_role("treeitem").count() < 60
        opened.get_by_role("tree").press("End")
        expect(opened.get_by_role("treeitem").last).to_contain_text("step ")
        opened.get_by_role("button", name="Fold all", exact=True).click()
        expect(opened.get_by_role("treeitem")).to_have_count(1)
        expect(opened.get_by_role("treeitem")).to_contain_text("+2,999")


def test_a_click_in_the_list_opens_a_trace_within_the_session_and_back_leads_back(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/traces?{RANGE}", "traces-clicked") as opened:
        opened.evaluate("window.same = true")
        link = opened.locator(".sl-table tbody tr").filter(has_text=HUGE[:8]).get_by_role("link")
        link.click()
        expect(opened.get_by_role("treeitem", selected=True)).to_contain_text("step 0")
        assert opened.evaluate("window.same")  # nothing was loaded anew
        assert f"trace={HUGE}" in opened.url
        opened.go_back()
        expect(opened.locator(".sl-table tbody tr")).to_have_count(11)


def test_a_span_is_found_by_its_words_and_by_keys_and_what_is_chosen_is_in_the_url(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/traces?{RANGE}&trace={HUGE}", "trace-found") as opened:
        opened.get_by_label("Find a span").fill("step 2345")
        expect(opened.get_by_role("status")).to_have_text("1 of 1")
        at = opened.locator(".row.at")
        expect(at).to_contain_text("step 2345")
        opened.get_by_role("tree").press("ArrowLeft")  # to its parent
        expect(at).to_contain_text("step 195")
        opened.get_by_role("tree").press("Enter")
        opened.wait_for_url(f"**span={196:016x}**")
        expect(opened.locator(".sl-head").filter(has_text=f"span {196:016x}")).to_be_visible()
        expect(opened.get_by_role("treeitem", selected=True)).to_contain_text("step 195")


def test_an_error_in_what_is_folded_is_counted_and_one_click_away(browser: Browser, url: str) -> None:
    trace_id = f"{4096 + 9:X}".zfill(32)
    root = f"{9 * 16 + 1:016x}"
    with page(browser, f"{url}/traces?{RANGE}&trace={trace_id}&span={root}", "trace-folded") as opened:
        opened.get_by_role("button", name="Fold all", exact=True).click()
        expect(opened.get_by_role("treeitem")).to_have_count(1)
        expect(opened.get_by_role("treeitem")).to_contain_text("1 error")
        opened.get_by_role("button", name="1 error").click()
        expect(opened.get_by_role("treeitem", selected=True)).to_contain_text("chat gpt-5")
        expect(opened.locator(".sl-verdict")).to_contain_text("no answer")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sessions_are_listed_and_one_is_a_conversation(spoken: Store, browser: Browser, url: str, scheme: str) -> None:
    with page(browser, f"{url}/sessions?{RANGE}", "sessions", 1280, scheme) as opened:
        row = opened.locator(".sl-table tbody tr")
        expect(row).to_have_count(1)
        expect(row).to_contain_text(SESSION)
        expect(row.locator("td").nth(2)).to_have_text("10")
        row.get_by_role("link").click()
        expect(opened.locator(".sl-card .value").nth(1)).to_have_text("10")
        expect(opened.locator(".sl-said.user")).to_contain_text("Where is my order?")
        expect(opened.locator(".sl-table tbody tr")).to_have_count(10)
        expect(opened.locator(".sl-note").filter(has_text="nothing that was said is kept")).to_be_visible()
        assert opened.evaluate("window.hacked") is None


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1600, "dark")])
def test_two_traces_and_two_versions_are_compared_with_a_word_on_small_numbers(
    spoken: Store, browser: Browser, url: str, width: int, scheme: str
) -> None:
    other = f"{4096 + 9:X}".zfill(32)
    address = f"{url}/compare?{RANGE}&trace={AGENT}&trace={other}&prompt=assist"
    with page(browser, address, "compare", width, scheme) as opened:
        cost = opened.locator(".sl-table").first.locator("tr").filter(has_text="Cost")
        expect(cost).to_contain_text(explain.money(figures(spoken, AGENT)["cost_usd"]))
        expect(opened.locator(".sl-verdict")).to_contain_text("Below 30, a difference may well be chance")
        truncated = opened.locator(".sl-table").nth(1).locator("tr").filter(has_text="Truncated")
        expect(truncated.locator("td").nth(1)).to_have_text(explain.percent(4 / 10))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"traces?{RANGE}&trace={'0' * 32}", "No such trace"),
        (f"traces?{RANGE}&user=nobody", "No traces here"),
        (f"sessions?{RANGE}&session=none", "No such session"),
        ("sessions?range=custom&from=2026-08-02T00:00&to=2026-08-03T00:00", "No sessions here"),
    ],
)
def test_where_there_is_nothing_the_page_says_why(browser: Browser, url: str, path: str, says: str) -> None:
    with page(browser, f"{url}/{path}", says.lower().replace(" ", "-")) as opened:
        expect(opened.locator(".sl-state h3")).to_have_text(says)


def test_what_is_looked_for_is_in_the_url_and_survives_a_reload(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/traces?{RANGE}&status=error&sort=slowest", "traces-errors") as opened:
        expect(opened.locator(".sl-table tbody tr")).to_have_count(1)
        opened.locator(".sl-facet a").filter(has_text="gpt-5").first.click()
        opened.wait_for_url("**model=gpt-5**")
        expect(opened.locator(".sl-table tbody tr")).to_have_count(1)
        assert "status=error" in opened.url and "sort=slowest" in opened.url


def test_a_store_that_is_away_is_named_on_these_pages_too(browser: Browser, free_port: int) -> None:
    with (
        dashboard("http://127.0.0.1:9", free_port + 2) as address,
        page(browser, f"{address}/traces?trace={AGENT}", "traces-away") as opened,
    ):
        expect(opened.get_by_text("The store does not answer")).to_be_visible()
