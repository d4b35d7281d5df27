"""The pages without a browser: what they say, what they keep in the URL, and what they do when they cannot draw."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dashboard_store import Open, Store, words
from spanledger_dashboard import explain
from spanledger_dashboard.__main__ import arguments

RANGE = {"range": "custom", "from": "2026-09-02T00:00", "to": "2026-09-03T00:00"}
NOW = "step=0, by='', from='2026-09-02 00:00:00', to='2026-09-03 00:00:00'"
ALL = "environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[]"


def test_the_overview_says_what_the_views_say(store: Store, opened: Open) -> None:
    usage = store.row(f"SELECT * FROM spanledger.usage({NOW}, project='', {ALL})")
    latency = store.row(f"SELECT * FROM spanledger.latency({NOW}, project='', {ALL})")
    said = words(opened(store.dsn, **RANGE))
    for figure in (
        explain.count(usage["calls"]),
        explain.percent(usage["error_rate"]),
        explain.money(usage["cost_usd"]),
        explain.coverage(usage),
        explain.percent(usage["cache_hit_rate"]),
        explain.duration(latency["p50_duration_ns"]),
        explain.duration(latency["p99_duration_ns"]),
        explain.duration(latency["p50_ttft_ns"]),
    ):
        assert figure in said


def test_spend_names_the_models_without_a_price_and_the_way_out(store: Store, opened: Open) -> None:
    usage = store.row(f"SELECT * FROM spanledger.usage({NOW}, project='', {ALL})")
    said = words(opened(store.dsn, "Spend", **RANGE))
    assert f"house-model ({explain.count(usage['unpriced_calls'])})" in said
    assert "docs/prices.md" in said
    assert "at a known price" in said and "price book" not in said  # it may be of a rule of the reader's


def test_filters_and_project_of_the_url_choose_the_calls(store: Store, opened: Open) -> None:
    only = ALL.replace("services=[]", "services=['batch']")
    usage = store.row(f"SELECT * FROM spanledger.usage({NOW}, project='other', {only})")
    app = opened(store.dsn, **RANGE, project="other", service="batch")
    assert explain.money(usage["cost_usd"]) in words(app)
    assert app.multiselect(key="service").value == ["batch"]
    assert app.selectbox(key="project").value == "other"


def test_what_a_reader_chooses_is_in_the_url(store: Store, opened: Open) -> None:
    app = opened(store.dsn, **RANGE)
    app.multiselect(key="team").select("core").run()
    app.selectbox(key="project").select("default").run()
    assert app.query_params["team"] == "core"
    assert app.query_params["project"] == "default"
    assert app.query_params["from"] == "2026-09-02T00:00"


def test_the_period_before_is_compared_with(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, **RANGE))
    before = NOW.replace("09-03", "09-0x").replace("09-02", "09-01").replace("09-0x", "09-02")
    usage = store.row(f"SELECT * FROM spanledger.usage({NOW}, project='', {ALL})")
    earlier = store.row(f"SELECT * FROM spanledger.usage({before}, project='', {ALL})")
    assert explain.change(usage["cost_usd"], earlier["cost_usd"]).text in said
    assert "against the 24\u202fh before" in said


@pytest.mark.parametrize("title", ["Overview", "Spend", "Latency", "Errors"])
def test_nothing_is_compared_with_a_period_that_the_calls_began_in(store: Store, opened: Open, title: str) -> None:
    said = words(opened(store.dsn, title, **{**RANGE, "from": "2026-09-01T18:00", "to": "2026-09-02T18:00"}))
    assert "no whole 24\u202fh before to compare with" in said and "none before" in said
    assert "against" not in said and "\u00d7" not in said and "+" not in said


def test_where_calls_began_is_asked_of_those_that_pass_the_filters(store: Store, opened: Open) -> None:
    only = {"team": "<b>bold</b>"}  # its first call was minutes after the others'
    assert "no whole 24\u202fh before" in words(opened(store.dsn, **RANGE, **only))
    assert "against the 12\u202fh before" in words(opened(store.dsn, **{**RANGE, "from": "2026-09-02T12:00"}, **only))


def test_spend_says_what_was_reported_more_than_once_and_nothing_where_nothing_was(store: Store, opened: Open) -> None:
    store.client.command(
        "INSERT INTO spanledger.spans (timestamp, trace_id, span_id, service_name, operation, billing_owner, unbilled_cost_usd) "
        "VALUES ('2026-09-02 05:00:00', 'a', 'b', 'web', 'chat', false, 12.3)"
    )
    [said] = [caption for caption in opened(store.dsn, "Spend", **RANGE).caption if "more than once" in caption.value]
    assert said.value == "$12.30 was reported more than once and billed once."
    assert "The innermost" in said.proto.help
    filtered = opened(store.dsn, "Spend", **RANGE, service="batch")
    assert not [caption for caption in filtered.caption if "more than once" in caption.value]


def test_figures_that_no_call_has_are_dashes(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, **RANGE, service="batch"))
    assert re.search(rf"Time to first token p50\s+{explain.UNKNOWN}", said)


def test_a_range_without_calls_offers_a_longer_one(store: Store, opened: Open) -> None:
    app = opened(store.dsn, range="1h", customer="customer-1")
    assert "No calls here" in words(app)
    [clear] = [button for button in app.button if button.label == "Clear the filters"]
    clear.click().run()
    assert "customer" not in app.query_params
    [longer] = [button for button in app.button if button.label == "Show the last 30 days"]
    longer.click().run()
    assert app.query_params["range"] == "30d"


def test_a_range_without_sessions_offers_to_clear_the_filters_where_there_are_any(store: Store, opened: Open) -> None:
    app = opened(store.dsn, "Sessions", **RANGE, team="core")
    assert "No sessions here" in words(app)
    [clear] = [button for button in app.button if button.label == "Clear the filters"]
    clear.click().run()
    assert "team" not in app.query_params
    assert "Clear the filters" not in words(app)


def test_a_refused_call_costs_nothing_and_is_not_called_billed(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Traces", trace=refused(store, "refused")))
    assert re.search(r"\$0\.00\s+1 call\s", said) and "billed" not in said


def test_what_was_not_said_is_not_for_a_key_to_read_only_where_there_is_one(
    store: Store, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = refused(store, "silent")
    assert "Not captured. Prompts and completions are off by default" in words(opened(store.dsn, "Traces", trace=trace))
    monkeypatch.setenv("SPANLEDGER_READ_KEY", "a-key")
    assert "Not captured, or not for this key to read. Prompts" in words(opened(store.dsn, "Traces", trace=trace))


def refused(store: Store, trace_id: str) -> str:
    """A trace of one call, which its provider refused."""
    store.client.command(
        "INSERT INTO spanledger.spans (timestamp, received_at, trace_id, span_id, service_name, model, status, error_type, "
        "billing_owner, cost_usd, cost_status, resource) VALUES ('2026-09-02 05:00:00', '2026-09-02 05:00:01', "
        f"'{trace_id}', 'b', 'web', 'gpt-5', 'error', '429', true, 0, 'free', '([],[])')"
    )
    return trace_id


def test_a_store_that_is_away_is_named_and_can_be_tried_again(free_port: int, opened: Open) -> None:
    app = opened(f"http://127.0.0.1:{free_port}")
    said = words(app)
    assert "The store does not answer" in said
    assert f"http://127.0.0.1:{free_port}" in said
    assert "Try again" in said
    assert "Traceback" not in said


def test_streamlit_is_started_without_telemetry_and_without_its_chrome() -> None:
    given = arguments("127.0.0.1", 8501)
    assert {"--browser.gatherUsageStats=false", "--client.toolbarMode=minimal", "--server.headless=true",
            "--server.address=127.0.0.1", "--server.port=8501", "--client.showErrorDetails=none"} <= set(given)  # fmt: skip
    assert Path(given[1]).is_file()
