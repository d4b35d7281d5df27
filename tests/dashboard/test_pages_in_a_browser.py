"""The pages in a real browser: they open, say what the views say, stay inside the window, and are kept as pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from dashboard_browser import CHROMIUM, chromium, dashboard, page
from dashboard_store import Store
from spanledger_dashboard import explain

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pages not opened in a browser"
).expect  # waits: what is drawn last may come after the page seems to be at rest
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: pages not opened in a browser")

RANGE = "range=custom&from=2026-09-02T00:00&to=2026-09-03T00:00"
NOW = "from='2026-09-02 00:00:00', to='2026-09-03 00:00:00', project=''"
ALL = "environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[]"
# Each page of the on-call half: its charts, and its figures as the fixture's views give them
PAGES = {
    "latency": (5, "SELECT p95_duration_ns FROM spanledger.latency(step=0, by='', {NOW}, {ALL})", explain.duration),
    "errors": (1, "SELECT errors FROM spanledger.errors(step=0, by='', classes=[], {NOW}, {ALL})", explain.count),
    "providers": (2, "SELECT max(p95_duration_ns) FROM spanledger.provider_health({NOW}, {ALL})", explain.duration),
    "reliability": (
        2,
        "SELECT max(good_ratio) FROM spanledger.objective_status(at='2026-09-03 00:00:00')",
        explain.exact_percent,
    ),
    "delivery": (0, "SELECT emitted FROM spanledger.delivery({NOW}, by='')", explain.count),
    "alerts": (0, "SELECT count() FROM spanledger.alerts_open", explain.count),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def url(store: Store, free_port: int) -> Iterator[str]:
    with dashboard(store.dsn, free_port) as address:
        yield address


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1600, "dark")])
def test_the_overview_opens_and_says_what_the_views_say(
    store: Store, browser: Browser, url: str, width: int, scheme: str
) -> None:
    usage = store.row(f"SELECT * FROM spanledger.usage(step=0, by='', {NOW}, {ALL})")
    latency = store.row(f"SELECT * FROM spanledger.latency(step=0, by='', {NOW}, {ALL})")
    with page(browser, f"{url}/?{RANGE}", "overview", width, scheme, charts=6) as opened:
        figures = [
            explain.count(usage["calls"]),
            explain.percent(usage["error_rate"]),
            explain.money(usage["cost_usd"]),
            explain.percent(usage["cache_hit_rate"]),
            explain.duration(latency["p50_duration_ns"]),
            explain.duration(latency["p95_duration_ns"]),
            explain.duration(latency["p99_duration_ns"]),
            explain.duration(latency["p50_ttft_ns"]),
        ]
        expect(opened.locator(".sl-card .value")).to_have_text(figures)
        coverage = explain.coverage(usage)
        expect(opened.locator(".sl-card .foot.warn")).to_have_text(coverage)
        expect(opened.locator(".js-plotly-plot")).to_have_count(6)


@pytest.mark.parametrize(("by", "scheme"), [("model", "light"), ("team", "dark"), ("customer", "light")])
def test_spend_opens_by_each_dimension_and_its_table_says_what_the_view_says(
    store: Store, browser: Browser, url: str, by: str, scheme: str
) -> None:
    question = f"SELECT value, cost_usd FROM spanledger.usage(step=0, by='{by}', {NOW}, {ALL})"
    costs = {(explain.named(value), explain.money(usd)) for value, usd in store.client.query(question).result_rows}
    with page(browser, f"{url}/spend?{RANGE}&by={by}", f"spend-by-{by}", 1280, scheme, charts=2) as opened:
        table = opened.locator(".sl-table").first.locator("tbody tr")
        expect(table).to_have_count(len(costs))
        cells = [row.locator("td").all_text_contents() for row in table.all()]
        assert {(row[0], row[1]) for row in cells} == costs
        shown = [row.get_attribute("title") for row in opened.locator(".sl-stack div").all()]
        assert any("unpriced" in str(words) for words in shown)


def test_a_choice_on_one_page_holds_on_the_other_and_survives_a_reload(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/?{RANGE}", "overview-filtered") as opened:
        teams = opened.get_by_label("Team")
        teams.scroll_into_view_if_needed()  # a list that opens while the page still scrolls closes again
        opened.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        teams.click()
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
        expect(opened.get_by_text("No calls in new-app")).to_have_count(1)
        assert opened.get_by_test_id("stCode").first.text_content()
        expect(opened.get_by_role("button", name="Check again")).to_have_count(1)


def test_a_store_that_is_away_is_named_with_a_way_out(browser: Browser, free_port: int) -> None:
    with (
        dashboard("http://127.0.0.1:9", free_port + 1) as address,
        page(browser, f"{address}/spend", "away", scheme="dark") as opened,
    ):
        expect(opened.get_by_text("The store does not answer")).to_have_count(1)
        expect(opened.get_by_role("button", name="Try again")).to_have_count(1)


@pytest.mark.parametrize(("name", "scheme"), list(zip(PAGES, cycle(("light", "dark")), strict=False)))
def test_the_pages_of_on_call_open_and_say_what_the_views_say(
    store: Store, browser: Browser, url: str, name: str, scheme: str
) -> None:
    charts, question, words = PAGES[name]
    [[figure]] = store.client.query(question.format(NOW=NOW, ALL=ALL)).result_rows
    with page(browser, f"{url}/{name}?{RANGE}", name, 1280, scheme, charts) as opened:
        expect(opened.locator(".js-plotly-plot")).to_have_count(charts)
        shown = opened.locator(".sl-card .value, .sl-table td").filter(has_text=words(figure))
        expect(shown.first).to_be_visible()
        expect(opened.get_by_test_id("stSidebar").get_by_text("On call")).to_have_count(1)


def test_an_example_opens_and_gives_its_trace_id(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/errors?{RANGE}", "example", charts=1) as opened:
        opened.get_by_test_id("stExpander").first.click()
        opened.get_by_test_id("stExpander").first.get_by_text("Overloaded, try <b>later</b>").wait_for()
        opened.get_by_test_id("stCode").first.wait_for()
        expect(opened.get_by_test_id("stCode").first).to_have_text(re.compile(r"^\s*[0-9a-fA-F]{32}\s*$"))


def test_an_incident_opens_the_errors_of_what_it_is_about_and_no_later_click_is_led_there(
    browser: Browser, url: str
) -> None:
    with page(browser, f"{url}/reliability?{RANGE}", "incident", charts=2) as opened:
        opened.get_by_role("button", name="Its errors").click()
        opened.wait_for_url("**/errors?**from=2026-09-02T05**service=batch&class=provider")
        expect(opened.get_by_text("Errors by class")).to_be_visible()
        opened.get_by_test_id("stSidebar").get_by_text("Traces", exact=True).click()
        opened.wait_for_url("**/traces?**service=batch&class=provider")


def test_what_a_button_in_the_page_changes_is_what_the_range_and_the_filters_say(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/?range=1h&customer=customer-1", "cleared") as opened:
        opened.get_by_role("button", name="Clear the filters").click()
        expect(opened.get_by_test_id("stSidebar").get_by_test_id("stMultiSelect")).to_have_count(0)
        opened.get_by_role("button", name="Show the last 30 days").click()
        expect(opened.get_by_role("radio", name="30d")).to_be_checked()


def test_a_trace_is_not_open_any_longer_on_pages_of_something_else(browser: Browser, url: str) -> None:
    with page(browser, f"{url}/errors?{RANGE}", "left", charts=1) as opened:
        opened.get_by_test_id("stExpander").first.click()
        opened.get_by_text("Open the trace").first.click()
        opened.wait_for_url("**/traces?**trace=**span=**")
        expect(opened.get_by_role("button", name="All traces")).to_be_visible()
        opened.get_by_test_id("stSidebar").get_by_text("Errors", exact=True).click()
        opened.wait_for_url("**/errors?**")
        expect(opened.get_by_text("Errors by class")).to_be_visible()
        assert "trace=" not in opened.url and "span=" not in opened.url


def test_a_long_table_ends_at_the_edge_of_a_row(store: Store, browser: Browser, url: str) -> None:
    store.client.command(
        "INSERT INTO spanledger.ledger (timestamp, posted_at, period, kind, project, model, calls, cost_usd, cost_status, status) "
        "SELECT toDateTime64('2026-09-05 12:00:00', 9, 'UTC') AS at, at, '2026-09-01', 'charge', 'default', 'model-' || toString(number), "
        "1, toDecimal128(number, 12), 'priced', 'ok' FROM numbers(30)"
    )
    range_ = RANGE.replace("09-02", "09-05").replace("09-03", "09-06")
    with page(browser, f"{url}/spend?{range_}", "long-table", charts=2) as opened:
        table = opened.locator(".sl-scroll").first
        expect(table.locator("tbody tr")).to_have_count(30)
        end, *rows = table.evaluate(
            "table => [table, ...table.querySelectorAll('tr')].map(element => element.getBoundingClientRect().bottom)"
        )
        assert rows[-1] > end + 100
        assert min(abs(row - end) for row in rows) <= 1
