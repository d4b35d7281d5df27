"""The HTTP API through its door: it says what the views say, in three forms, page by page, to whom it may."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as parquet
import pytest
from collector.api.conftest import ORIGIN, TRACES
from collector.rig import Running

Served = tuple[Running, str, str]
DOCS = Path(__file__).parents[3] / "docs" / "api.md"


def get(served: Served, path: str, key: str | None = "", **given: Any) -> httpx2.Response:
    running, own, _ = served
    headers = {} if key is None else {"authorization": f"Bearer {key or own}"}
    parameters = {name.rstrip("_"): value for name, value in given.items()}
    return running.http.get(f"/api/v1{path}", params=parameters, headers=headers)


def day() -> dict[str, Any]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {"from_": (now - timedelta(days=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}


def test_a_view_says_the_same_as_sql_to_the_last_digit(served: Served) -> None:
    running, _, _ = served
    answer = get(served, "/views/usage", step=0, by="model", **day())
    assert answer.status_code == 200, answer.text
    [row] = answer.json()["data"]
    assert row["calls"] == TRACES
    [[cost]] = running.platform.store.query("SELECT sum(cost_usd) FROM spanledger.ledger WHERE project = 'a'")
    assert Decimal(row["cost_usd"]) == cost > 0


def test_a_view_comes_in_the_form_that_is_asked_for(served: Served) -> None:
    asked: dict[str, Any] = {"step": 0, "by": "model", **day()}
    rows = get(served, "/views/usage", **asked).json()["data"]
    text = get(served, "/views/usage", format="csv", **asked)
    table = parquet.read_table(io.BytesIO(get(served, "/views/usage", format="parquet", **asked).content)).to_pylist()
    [from_csv] = csv.DictReader(io.StringIO(text.text))
    assert text.headers["content-type"].startswith("text/csv")
    assert Decimal(from_csv["cost_usd"]) == table[0]["cost_usd"] == Decimal(rows[0]["cost_usd"])
    running, key, _ = served
    accepted = running.http.get("/api/v1/views", headers={"authorization": f"Bearer {key}", "accept": "image/png"})
    assert accepted.status_code == 200  # the list is JSON whatever is asked for
    url = "/api/v1/views/freshness"
    assert running.http.get(url, headers={"authorization": f"Bearer {key}", "accept": "image/png"}).status_code == 406


@pytest.mark.parametrize(
    ("path", "given", "says"),
    [
        ("/views/usage", {"step": 0, "to": "2026-09-01"}, "from is missing"),
        ("/views/usage", {"step": -1, **day()}, "step cannot be '-1'"),
        ("/views/usage", {"step": 0, "from_": "yesterday", "to": "2026-09-01"}, "from cannot be 'yesterday'"),
        ("/views/usage", {"step": 0, "by": ["team", "model"], **day()}, "by is given 2 times"),
        ("/views/usage", {"step": 0, "service": "web", **day()}, "no parameter 'service'"),
        ("/views/usage", {"step": 0, "by": "bogus", **day()}, "by cannot be 'bogus': one of environment, service, "),
        ("/views/movers", {"by": "custmer", **day()}, "customer"),
        ("/views/latency", {"step": 0, "by": "Customer", **day()}, "customer"),
        ("/views/efficiency", {"step": 0, "by": "bogus", **day()}, "one of environment, service, "),
        ("/views/errors", {"step": 0, "by": "bogus", **day()}, "error_type"),
        ("/views/delivery", {"by": "team", **day()}, "one of process, service."),
        (
            "/views/usage",
            {"step": 0, "from_": "2026-09-02", "to": "2026-09-01"},
            "from, 2026-09-02 00:00:00 UTC, is after",
        ),
        ("/traces", {"from_": "2026-09-02", "to": "2026-09-01"}, "is after to"),
        ("/sessions", {"from_": "2026-09-02", "to": "2026-09-01"}, "is after to"),
        ("/traces", {"tags": "app.number"}, "tags cannot be 'app.number': a name and its value, as in app.tenant=acme"),
        ("/traces", {"tags": "=acme"}, "tags cannot be"),
        ("/traces", {"sort": "cheapest"}, "sort is"),
        ("/traces", {"limit": 0}, "limit is 1 to"),
        ("/traces", {"cursor": "nonsense"}, "cursor"),
        ("/traces", {"min_cost_usd": "nan"}, "min_cost_usd cannot be"),
        ("/traces", {"format": "xml"}, "format is one of"),
        ("/sessions", {"cursor": "WzEsMl0"}, "cursor"),
    ],
)
def test_a_request_with_a_slip_is_told_which(served: Served, path: str, given: dict[str, Any], says: str) -> None:
    answer = get(served, path, **given)
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"] and answer.json()["parameter"]


@pytest.mark.parametrize("view", ["usage", "latency", "speed", "errors", "efficiency", "movers"])
def test_a_view_is_split_by_each_word_that_it_names(served: Served, view: str) -> None:
    [listed] = [one for one in get(served, "/views").json()["data"] if one["name"] == view]
    parameters = {parameter["name"]: parameter for parameter in listed["parameters"]}
    steps: dict[str, Any] = {"step": 0} if "step" in parameters else {}
    assert {"environment", "service", "provider", "model", "team", "feature", "customer"} <= set(
        parameters["by"]["words"]
    )
    for word in (*parameters["by"]["words"], ""):
        answer = get(served, f"/views/{view}", by=word, **steps, **day())
        assert answer.status_code == 200, answer.text


def test_of_an_end_alone_the_24_hours_before_it_are_shown(served: Served) -> None:
    now = datetime.now(UTC)
    assert get(served, "/traces", to=(now - timedelta(days=2)).isoformat()).json()["data"] == []
    assert len(get(served, "/traces", to=now.isoformat()).json()["data"]) == TRACES


@pytest.mark.parametrize("sort", ["newest", "dearest", "slowest"])
def test_pages_of_traces_follow_each_other_without_a_gap_or_a_repeat(served: Served, sort: str) -> None:
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = get(served, "/traces", sort=sort, limit=5, **({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        seen += answer.json()["data"]
        cursor = answer.json()["next"]
    assert len({row["trace_id"] for row in seen}) == len(seen) == TRACES
    key = {"newest": "timestamp", "dearest": "cost_usd", "slowest": "duration_ns"}[sort]
    assert [row[key] for row in seen] == sorted((row[key] for row in seen), reverse=True)


def test_the_next_page_of_a_csv_is_in_a_link(served: Served) -> None:
    running, key, _ = served
    answer = get(served, "/traces", limit=5, format="csv")
    [link] = re.findall(r'^<(.+)>; rel="next"$', answer.headers["link"])
    following = running.http.get(link, headers={"authorization": f"Bearer {key}"})
    first, second = (list(csv.DictReader(io.StringIO(text))) for text in (answer.text, following.text))
    assert len(first) == len(second) == 5 and first[-1]["timestamp"] > second[0]["timestamp"]


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"user_id": "ada"}, TRACES),
        ({"user_id": "eve"}, 0),
        ({"session_id": "s1"}, TRACES // 3),
        ({"tags": "app.odd=it's \\ a\ttab\nline"}, TRACES),
        ({"tags": ["app.odd=it's \\ a\ttab\nline", "app.number=7"]}, 1),
        ({"models": ["gpt-4o", "another"]}, TRACES),
        ({"models": "it's"}, 0),
        ({"status": "error"}, 0),
        ({"min_tokens": 6100, "max_tokens": 7100}, 2),
        ({"min_duration_ns": 10**9 + 1}, 0),
        ({"max_cost_usd": 0.0035, "min_cost_usd": 0.0034}, 1),
    ],
)
def test_traces_are_filtered(served: Served, given: dict[str, Any], number: int) -> None:
    answer = get(served, "/traces", limit=100, **given)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == number


def test_a_trace_its_spans_and_one_of_them(served: Served) -> None:
    [newest] = get(served, "/traces", limit=1).json()["data"]
    trace = get(served, f"/traces/{newest['trace_id']}").json()
    assert trace["traces"] == [newest]
    [span] = trace["spans"]
    whole = get(served, f"/traces/{newest['trace_id']}/spans/{span['span_id']}").json()
    assert whole["attributes"]["app.odd"] == "it's \\ a\ttab\nline"
    assert span["cost_usd"] == newest["cost_usd"] == whole["cost_usd"]
    for path in (f"/traces/{'0' * 32}", f"/traces/{newest['trace_id']}/spans/0", "/views/nothing", "/nothing"):
        missing = get(served, path)
        assert missing.status_code == 404 and missing.json()["status"] == 404


def test_sessions_have_their_turns_and_follow_each_other(served: Served) -> None:
    first = get(served, "/sessions", limit=2).json()
    second = get(served, "/sessions", limit=2, cursor=first["next"]).json()
    rows = first["data"] + second["data"]
    assert [row["session_id"] for row in rows] == ["s2", "s1", "s0"]
    assert {row["turns"] for row in rows} == {TRACES // 3} and rows[0]["users"] == ["ada"]
    assert second["next"] is None


def test_a_key_reads_its_own_project_and_no_key_reads_nothing(served: Served) -> None:
    running, _, other = served
    assert len(get(served, "/traces", key=other).json()["data"]) == 1
    assert get(served, "/traces", key=other, project="a").json()["data"] == []
    [row] = get(served, "/traces", limit=1).json()["data"]
    assert get(served, f"/traces/{row['trace_id']}", key=other).status_code == 404
    for key in (None, "sl_x_y"):
        refused = get(served, "/views", key=key)
        assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Bearer")
    assert running.http.post("/api/v1/views", headers={"authorization": f"Bearer {other}"}).status_code == 405


def test_pages_of_other_sites_may_read_the_answers_only_where_that_was_allowed(served: Served) -> None:
    running, key, _ = served
    asks = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    allowed = running.http.options("/api/v1/traces", headers={"origin": ORIGIN, **asks})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    answer = running.http.get("/api/v1/traces?limit=1", headers={"origin": ORIGIN, "authorization": f"Bearer {key}"})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "link" in answer.headers["access-control-expose-headers"].lower()
    refused = running.http.get("/api/v1/traces", headers={"origin": ORIGIN})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)
    for method in ("GET", "OPTIONS"):
        other = running.http.request(method, "/api/v1/views", headers={"origin": "https://evil.example", **asks})
        assert "access-control-allow-origin" not in other.headers


def test_what_can_be_asked_is_written_down(served: Served) -> None:
    running, _, _ = served
    listed = get(served, "/views").json()["data"]
    openapi = running.http.get("/api/v1/openapi.json").json()
    names = {view["name"] for view in listed}
    assert {"usage", "traces", "objectives_now"} <= names
    assert {path for path in openapi["paths"] if path.startswith("/views/")} == {f"/views/{name}" for name in names}
    assert all(view["question"] for view in listed)
    parameters = {p["name"]: p for p in openapi["paths"]["/views/usage"]["get"]["parameters"]}
    assert parameters["from"]["schema"]["format"] == "date-time" and parameters["from"]["required"]
    assert parameters["services"]["schema"]["type"] == "array"
    page = running.http.get("/api/v1/docs").text
    assert "/api/v1/views/usage" in page and "http://" not in page and "<script" not in page


def test_the_examples_of_the_docs_work(served: Served) -> None:
    running, key, _ = served
    examples = [
        text for text in re.findall(r"```bash\n(.*?)```", DOCS.read_text(), re.DOTALL) if text.startswith("curl")
    ]
    assert len(examples) == 4
    for example in examples:
        words = shlex.split(example.replace("\\\n", " ").replace("$SPANLEDGER_READ_KEY", key))
        url = next(word for word in words if word.startswith("http")).removeprefix("http://127.0.0.1:4318")
        headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
        parameters = [tuple(words[i + 1].split("=", 1)) for i, word in enumerate(words) if word == "-d"]
        answer = running.http.get(url, params=parameters, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(headers.get("Accept", "application/json"))


def test_whoever_asks_too_often_is_told_when_to_come_back(served: Served) -> None:
    _, _, other = served
    answers = (get(served, "/views", key=other) for _ in range(700))
    refused = next(answer for answer in answers if answer.status_code != 200)
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 60
    assert get(served, "/views").status_code == 200  # another key is another count
    assert json.loads(refused.content)["title"] == "Too Many Requests"
