"""Latency, Errors, Providers, Reliability and Alerts without a browser: they say what the views say."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from dashboard_store import Open, Store, words
from spanledger_dashboard import controls, explain, providers, reliability
from spanledger_dashboard.app import PAGES

RANGE = {"range": "custom", "from": "2026-09-02T00:00", "to": "2026-09-03T00:00"}
SPAN = "from='2026-09-02 00:00:00', to='2026-09-03 00:00:00', project=''"
ALL = "environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[]"
AT = "at='2026-09-03 00:00:00'"


def rows(store: Store, question: str) -> list[dict[str, Any]]:
    return [dict(row) for row in store.client.query(question).named_results()]


def test_the_sidebar_lists_every_page_once() -> None:
    listed = [title for titles in controls.SECTIONS.values() for title in titles]
    assert sorted(listed) == sorted(PAGES)


def test_latency_says_what_the_views_say(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Latency", **RANGE, by="prompt"))
    [all_calls] = rows(store, f"SELECT * FROM spanledger.latency(step=0, by='', {SPAN}, {ALL})")
    [speed] = rows(store, f"SELECT * FROM spanledger.speed(step=0, by='', {SPAN}, {ALL})")
    prompts = rows(store, f"SELECT * FROM spanledger.latency(step=0, by='prompt', {SPAN}, {ALL})")
    assert {row["value"] for row in prompts} == {"answer v1", "answer v2"}
    figures = [
        explain.duration(all_calls[name]) for name in all_calls if name.endswith("_ns") and "p99_ttft" not in name
    ]
    figures += [explain.per_second(speed["output_tokens_per_s"]), f"of {explain.count(speed['calls'])} calls"]
    for row in prompts:
        figures += [row["value"], explain.duration(row["p50_duration_ns"]), explain.duration(row["p99_duration_ns"])]
    for figure in figures:
        assert figure in said


def test_latency_is_compared_with_the_period_before(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Latency", **RANGE))
    before = SPAN.replace("09-02", "09-01").replace("09-03", "09-02")
    for by in ("", "family"):
        question = f"SELECT value, p95_duration_ns FROM spanledger.latency(step=0, by='{by}', %s, {ALL})"
        now = {row["value"]: row["p95_duration_ns"] for row in rows(store, question % SPAN)}
        was = {row["value"]: row["p95_duration_ns"] for row in rows(store, question % before)}
        assert now.keys() == was.keys()
        for value, figure in now.items():
            assert explain.change(figure, was[value], "less").text in said


def test_errors_says_what_the_views_say(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Errors", **RANGE))
    assert "of 500 calls" in said
    for by in ("", "error_class", "error_type", "family"):
        for row in rows(store, f"SELECT * FROM spanledger.errors(step=0, by='{by}', classes=[], {SPAN}, {ALL})"):
            figures = [explain.count(row["errors"]), explain.percent(row["rate"])]
            for figure in figures + [explain.percent(row["share"])] * bool(by):
                assert figure in said
            assert not by or explain.moment(row["last_seen"]) in said


def test_errors_of_a_class_are_chosen_by_the_url(store: Store, opened: Open) -> None:
    app = opened(store.dsn, "Errors", **RANGE, **{"class": "rate_limit"})
    [row] = rows(store, f"SELECT * FROM spanledger.errors(step=0, by='', classes=['rate_limit'], {SPAN}, {ALL})")
    said = words(app)
    assert explain.count(row["errors"]) in said and explain.percent(row["rate"]) in said
    assert "529" not in said and app.query_params["class"] == "rate_limit"
    assert {expander.label.rpartition("**")[0].rpartition("**")[2] for expander in app.expander} == {"429"}


def test_examples_show_the_spans_facts_and_their_trace_ids(store: Store, opened: Open) -> None:
    app = opened(store.dsn, "Errors", **RANGE)
    examples = rows(
        store, f"SELECT * FROM spanledger.error_examples(number=12, classes=[], {SPAN}, {ALL}) ORDER BY timestamp DESC"
    )
    assert [code.value for code in app.code] == [example["trace_id"] for example in examples]
    assert "Overloaded, try <b>later</b>" in words(app)
    youngest = examples[0]["timestamp"].replace(tzinfo=UTC)
    assert explain.second(youngest) in words(app)


def test_no_errors_is_good_news(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Errors", **RANGE, **{"class": "content_filter"}))
    assert "No errors here" in said and "content filter" in said


def test_providers_say_when_there_is_no_history(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Providers", **RANGE))
    for row in rows(store, f"SELECT * FROM spanledger.provider_health({SPAN}, {ALL})"):
        assert row["verdict"] == "no_history"
        for figure in (row["model"], explain.percent(row["error_rate"]), explain.duration(row["p95_duration_ns"])):
            assert figure in said or not row["model"]
    assert "No history yet" in said and "nothing to compare with" in said


@pytest.mark.parametrize(
    ("verdict", "reason", "says"),
    [
        ("ok", "", "within what is usual"),
        ("quiet", "", "Fewer than 20 calls"),
        ("them", "failing", "2 services see it (batch, web), so it is not one of ours"),
        ("us", "failing", "Only batch sees it, and 1 other service does not"),
        ("us", "refused", "refuses more requests than usual"),
        ("us", "limited", "more than our quota allows"),
        ("them", "slow", "usually 2.00\u202fs"),
        ("us", "slow", "the size of its prompts"),
        ("unclear", "failing", "us or them"),
        ("unclear", "slow", "us or them"),
    ],
)
def test_a_verdict_is_put_in_words(verdict: str, reason: str, says: str) -> None:
    raised = ["web", "batch"] if verdict == "them" else ["batch"]
    record = {
        "verdict": verdict, "reason": reason, "provider": "openai", "services": ["web", "batch"],
        "failing_services": raised, "slow_services": raised, "failing_rate": 0.2, "usual_failing_rate": 0.001,
        "p95_duration_ns": 9e9, "usual_p95_duration_ns": 2e9, "p95_ttft_ns": None, "usual_p95_ttft_ns": None,
    }  # fmt: skip
    assert says in providers.why(record)


def test_reliability_says_what_the_views_say(store: Store, opened: Open) -> None:
    app = opened(store.dsn, "Reliability", **RANGE, objective="web-answers")
    said = words(app)
    for row in rows(store, f"SELECT * FROM spanledger.objective_status({AT})"):
        figures = [row["objective"], explain.percent(row["budget_left"]), explain.burn(row["burn_1h"])]
        if row["kind"] == "slo":
            figures += [explain.objective(row["objective_ratio"]), explain.exact_percent(row["good_ratio"])]
        else:
            figures += [explain.money(row["spent_usd"]), explain.money(row["amount_usd"])]
        for figure in figures:
            assert figure in said
    windows = rows(store, f"SELECT * FROM spanledger.objective_windows({AT}) WHERE objective = 'web-answers'")
    assert all(explain.burn(row["long_burn"]) in said for row in windows)
    assert app.selectbox(key="objective").value == "web-answers"


def test_the_objective_that_is_worst_off_comes_first_and_another_can_be_chosen(store: Store, opened: Open) -> None:
    app = opened(store.dsn, "Reliability", **RANGE)
    left = rows(store, f"SELECT objective, budget_left, state FROM spanledger.objective_status({AT})")
    worst = min(left, key=lambda row: row["budget_left"])
    assert app.selectbox(key="objective").value == worst["objective"]
    app.selectbox(key="objective").select("growth").run()
    assert app.query_params["objective"] == "growth" and not app.exception


def test_a_budget_that_is_used_up_is_overspent_where_nothing_burns(store: Store, opened: Open) -> None:
    status = rows(store, "SELECT * FROM spanledger.objective_status(at='2026-09-10 00:00:00')")
    assert {row["objective"]: (row["state"], row["budget_left"] < 0) for row in status} == {
        "batch-answers": ("no_data", True),
        "web-answers": ("no_data", False),
        "growth": ("ok", False),
    }
    said = words(opened(store.dsn, "Reliability", **{**RANGE, "to": "2026-09-10T00:00"}))
    assert re.search(r"batch-answers\s+Batch jobs get answers.\s+Overspent", said)
    assert re.search(r"web-answers\s+calls that succeed\s+No data", said)
    assert re.search(r"growth\s+What growth may spend.\s+OK", said)


@pytest.mark.parametrize(
    ("state", "left", "standing"),
    [
        ("ok", -0.06, "overspent"),
        ("low_traffic", -0.06, "overspent"),
        ("page", -0.06, "page"),
        ("ticket", -0.06, "ticket"),
        ("ok", 0.0, "ok"),
        ("no_data", None, "no_data"),
    ],
)
def test_what_burns_goes_before_what_is_overspent(state: str, left: float | None, standing: str) -> None:
    assert reliability.standing({"state": state, "budget_left": left}) == standing


def test_an_incident_leads_to_the_errors_of_what_it_is_about(store: Store, opened: Open) -> None:
    app = opened(store.dsn, "Reliability", **RANGE)
    assert "batch-answers burns 16 times too fast." in [caption.value for caption in app.caption]
    [button] = [button for button in app.button if button.label == "Its errors"]
    button.click().run()
    assert not app.exception and "Errors by class" in words(app)
    assert (app.query_params["service"], app.query_params["class"]) == ("batch", "provider")
    assert (app.query_params["from"], app.query_params["to"]) == ("2026-09-02T05:00", "2026-09-02T06:31")


def test_alerts_say_what_is_open_what_was_what_is_silenced_and_which_channel_fails(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Alerts", **RANGE))
    for text in ("Posting lag", "the platform itself", "Posting lags 90\u202fs behind.", "Burn rate", "batch-answers",
                 "30\u202fmin", "still open", "alert=coverage", "a new model", "by ada", "on-call", "Works",
                 "team", "Fails", "connection refused", "1 of 2"):  # fmt: skip
        assert text in said
    assert explain.moment(datetime(2026, 9, 2, 20, tzinfo=UTC)) in said


def test_nobody_is_to_be_paged_for_what_is_silenced(store: Store, opened: Open) -> None:
    store.client.command(
        "INSERT INTO spanledger.alert_events (at, alert, objective, severity, fingerprint, started_at, event, summary) VALUES "
        "('2026-09-02 21:00:00', 'burn-rate', 'web-answers', 'page', 'f3', '2026-09-02 21:00:00', 'firing', 'loud'), "
        "('2026-09-02 21:00:00', 'burn-rate', 'growth', 'page', 'f4', '2026-09-02 21:00:00', 'firing', 'quiet'), "
        "('2026-09-02 21:00:01', 'burn-rate', 'growth', 'page', 'f4', '2026-09-02 21:00:00', 'silenced', '')"
    )
    said = words(opened(store.dsn, "Alerts", **RANGE))
    assert re.search(r"Open alerts\s+3\s+1 to be paged for", said)
    assert "1 of the open alerts is silenced" in said


@pytest.mark.parametrize("title", PAGES)
def test_a_range_without_calls_is_no_error(store: Store, opened: Open, title: str) -> None:
    query = {"range": "custom", "from": "2025-01-01T00:00", "to": "2025-01-02T00:00"}
    assert "could not answer" not in words(opened(store.dsn, title, **query))


def test_delivery_says_what_is_complete_what_is_lost_and_when(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Delivery", **RANGE))
    [total] = rows(store, f"SELECT * FROM spanledger.delivery({SPAN}, by='')")
    assert (
        f"{explain.exact_percent(total['coverage'])} of {explain.count(total['emitted'])} emitted spans are stored"
        in said
    )
    assert "checkout lost 41 between Sep 2, 10:02 and 10:04" in said
    assert "search dropped 30 between Sep 2, 11:00 and 11:10" in said
    assert "7 vanished with processes that ended without a word" in said
    for row in rows(store, f"SELECT * FROM spanledger.delivery({SPAN}, by='service')"):
        for figure in (row["value"], *map(explain.count, (row["emitted"], row["stored"], row["dropped"], row["lost"]))):
            assert figure in said
    assert "12 more of other exporters" in said and "ended in good order" in said


def test_delivery_of_exporters_without_stamps_is_not_known(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Delivery", **{**RANGE, "from": "2026-09-02T11:30"}))
    assert "Not known" in said and "<b>java</b>" in said and "Incomplete" not in said


def test_delivery_without_a_loss_is_complete(store: Store, opened: Open) -> None:
    said = words(opened(store.dsn, "Delivery", **{**RANGE, "to": "2026-09-02T10:03"}))
    assert "Complete" in said and "emitted spans are stored" in said and "Incomplete" not in said
