"""A store behind the read-only interface, as the dashboard meets it, and how a test opens the pages on it."""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from clickhouse_connect.driver.client import Client
from spanledger_collector import store as stored
from spanledger_collector.platform import bind
from spanledger_collector.readonly import readonly_app
from spanledger_collector.readonly.catalog import EVERYTHING
from streamlit.testing.v1 import AppTest

# Two days of 500 calls each: every tenth fails, every eighth has a model without a price, every second streams.
CALLS = """
INSERT INTO spanledger.ledger
    (timestamp, posted_at, period, kind, project, service_name, environment, provider, model, team, feature, customer,
     calls, input_uncached, cache_read, output_text, reports_cache, cost_usd, cost_status, duration_ns, ttft_ns, status,
     error_type, prompt_name, prompt_version, trace_id, span_id)
WITH number % 10 = 9 AS failed, number % 8 = 7 AS unknown
SELECT
    toDateTime64('2026-09-01 00:00:00', 9, 'UTC') + number * 172.8 AS timestamp, timestamp + 1,
    toStartOfMonth(timestamp), 'charge', if(number % 4 = 3, 'other', 'default'), ['web', 'batch'][number % 2 + 1],
    'production', if(unknown, 'house', 'openai'), if(unknown, 'house-model', ['gpt-5', 'gpt-5-mini'][number % 2 + 1]),
    ['growth', 'core', '<b>bold</b>'][number % 3 + 1], 'search', 'customer-' || toString(number % 12),
    1, if(failed, NULL, 300), if(failed, NULL, 100), if(failed, NULL, 50 + number % 7), NOT failed,
    multiIf(failed, 0, unknown, NULL, toDecimal128(0.0123 + number / 10000, 12)),
    multiIf(failed, 'free', unknown, 'unpriced', 'priced'),
    1000000000 + number * 1000000, if(number % 2 = 0, 200000000 + number * 100000, NULL), if(failed, 'error', 'ok'),
    if(failed, ['529', '429', 'BadRequestError'][intDiv(number, 10) % 3 + 1], ''), 'answer', if(number < 700, 'v1', 'v2'),
    leftPad(hex(number), 32, '0'), leftPad(hex(number), 16, '0')
FROM numbers(1000)
"""
SPANS = """
INSERT INTO spanledger.spans
    (project, timestamp, trace_id, span_id, service_name, environment, provider, model, operation, duration_ns, status,
     status_message, error_type, billing_owner, team, feature, customer, prompt_name, prompt_version)
SELECT project, timestamp, trace_id, span_id, service_name, environment, provider, model, 'chat', duration_ns, status,
    if(status = 'error', 'Overloaded, try <b>later</b>', ''), error_type, true, team, feature, customer, prompt_name,
    prompt_version
FROM spanledger.ledger
"""
# Two SLOs, of which one has bad calls enough to burn, and a budget.
OBJECTIVES = """
INSERT INTO spanledger.objectives
    (objective, kind, description, indicator, objective_ratio, period, time_zone, services, errors, minimum_calls,
     amount_usd, unpriced_call_usd, version, recorded_at, segment)
VALUES
    ('batch-answers', 'slo', 'Batch jobs get answers.', 'availability', 0.99, '28d', 'UTC', ['batch'], ['provider'], 10,
     NULL, NULL, 'a', '2026-09-01 00:00:00', 1),
    ('web-answers', 'slo', '', 'availability', 0.95, 'month', 'UTC', ['web'], ['provider'], 10, NULL, NULL, 'b',
     '2026-09-01 00:00:00', 1),
    ('growth', 'budget', 'What growth may spend.', 'spend', 1, 'month', 'UTC', [], [], 0, 20, 0.01, 'c',
     '2026-09-01 00:00:00', 1)
"""
OBJECTIVE_MINUTES = """
INSERT INTO spanledger.objective_minutes (objective, version, minute, late, calls, bad, cost_usd, unpriced_calls, segment)
SELECT if(service_name = 'batch', 'batch-answers', 'web-answers') AS objective, if(service_name = 'batch', 'a', 'b'),
    toStartOfMinute(timestamp), false, 1, error_type = '529', toDecimal128(0, 12), 0, 1
FROM spanledger.ledger
UNION ALL
SELECT 'growth', 'c', toStartOfMinute(timestamp), false, 0, 0, ifNull(cost_usd, toDecimal128(0, 12)), cost_status = 'unpriced', 1
FROM spanledger.ledger WHERE team = 'growth'
"""
# One incident that is over, one of the platform that is still open, a silence that holds, and a channel that fails.
ALERTS = """
INSERT INTO spanledger.alert_events
    (at, alert, objective, severity, fingerprint, started_at, event, value, summary, channel, detail)
VALUES
    ('2026-09-02 06:00:00', 'burn-rate', 'batch-answers', 'page', 'f1', '2026-09-02 06:00:00', 'firing', 16,
     'batch-answers burns 16 times too fast.', '', ''),
    ('2026-09-02 06:00:01', 'burn-rate', 'batch-answers', 'page', 'f1', '2026-09-02 06:00:00', 'notified', NULL, '', 'on-call', 'firing'),
    ('2026-09-02 06:30:00', 'burn-rate', 'batch-answers', 'page', 'f1', '2026-09-02 06:00:00', 'resolved', 18, '', '', ''),
    ('2026-09-02 20:00:00', 'posting-lag', '', 'ticket', 'f2', '2026-09-02 20:00:00', 'firing', 90, 'Posting lags 90 s behind.', '', ''),
    ('2026-09-02 20:00:01', 'posting-lag', '', 'ticket', 'f2', '2026-09-02 20:00:00', 'failed', NULL, '', 'team', 'connection refused')
"""
SILENCES = """
INSERT INTO spanledger.silences
VALUES ('s1', {'alert': 'coverage'}, '2026-09-01 00:00:00', '2100-01-01 00:00:00', 'ada', 'a new model', false, '2026-09-01 00:00:00')
"""
# A service of which a request is missing, one whose SDK dropped spans, and an exporter without stamps.
DELIVERIES = """
INSERT INTO spanledger.deliveries (project, received_at, digest, spans, exports, segment)
VALUES
    ('default', '2026-09-02 10:00:00', 'a1', 5000, [('checkout', 'aaaaaaaa', 1, 0, 5000, 5000, 5000, '2026-09-02 09:00:00', false)], 1),
    ('default', '2026-09-02 10:02:00', 'a2', 5000, [('checkout', 'aaaaaaaa', 2, 0, 5000, 10000, 10000, '2026-09-02 09:00:00', false)], 1),
    ('default', '2026-09-02 10:04:00', 'a4', 10, [('checkout', 'aaaaaaaa', 4, 0, 10, 10051, 10051, '2026-09-02 09:00:00', true)], 1),
    ('default', '2026-09-02 11:00:00', 'b1', 90, [('search', 'bbbbbbbb', 1, 0, 90, 90, 90, '2026-09-02 10:59:00', false)], 1),
    ('default', '2026-09-02 11:10:00', 'b2', 10, [('search', 'bbbbbbbb', 2, 30, 10, 137, 100, '2026-09-02 10:59:00', false)], 1),
    ('default', '2026-09-02 12:00:00', 'c1', 12, [('<b>java</b>', '', 0, 0, 12, 0, 0, 0, false)], 1)
"""
ON_CALL = (SPANS, OBJECTIVES, OBJECTIVE_MINUTES, ALERTS, SILENCES, DELIVERIES)
HOSTILE = "<img src=x onerror=window.hacked=1>"
AGENT, HUGE = "a" * 32, "f" * 32
# A session of ten traces, in which an agent (not billed) calls two models and a tool, and one call fails with a stack trace; a trace of
# 3,000 spans; and names that no page may take for markup.
TRACES = f"""
INSERT INTO spanledger.spans
    (project, timestamp, trace_id, span_id, parent_span_id, name, kind, service_name, environment, operation, provider, model,
    duration_ns, ttft_ns,
     status, status_message, error_type, finish_reason, input_tokens, output_tokens, cost_usd, cost_status, billing_owner,
    user_id, session_id,
     team, prompt_name, prompt_version, attribute_values, events, resource, received_at, segment)
WITH intDiv(number, 5) AS turn, number % 5 AS step, step IN (1, 2, 3) AND NOT (step = 3 AND turn != 9) AS calls,
    step = 3 AND turn = 9 AS failed
SELECT 'default', toDateTime64('2026-09-02 12:00:00', 9, 'UTC') + turn * 60 + step * 2 AS at,
    if(turn = 0, '{AGENT}', leftPad(hex(4096 + turn), 32, '0')), leftPad(lower(hex(turn * 16 + step + 1)), 16, '0'),
    if(step = 0, '', leftPad(lower(hex(turn * 16 + 1)), 16, '0')), ['answer {HOSTILE}', 'chat gpt-5', 'chat gpt-5-mini',
    'chat gpt-5', 'search'][step + 1],
    'internal', 'assistant', 'production', ['invoke_agent', 'chat', 'chat', 'chat', 'execute_tool'][step + 1], if(calls,
    'openai', ''), ['', 'gpt-5', 'gpt-5-mini', 'gpt-5', ''][step + 1],
    if(step = 0, 12000000000, 1500000000), if(calls, 300000000, NULL), if(failed, 'error', 'ok'), if(failed,
    'no answer {HOSTILE}', ''), if(failed, 'APITimeoutError', ''),
    if(calls, if(turn % 3 = 1, 'length', 'stop'), ''), if(calls OR step = 0, 1000 + turn, NULL), if(calls OR step = 0, 100, NULL),
    if(calls AND NOT failed, toDecimal128(0.0125, 12), NULL), multiIf(failed, 'unpriced', calls, 'priced', ''), calls, 'ada',
    'talk {HOSTILE}',
    'core', 'assist', if(turn < 5, 'v1', 'v2'), map('app.note', char(10, length('{HOSTILE}')) || '{HOSTILE}'),
    if(failed, [(toUInt64(toUnixTimestamp64Nano(at)), 'exception', [('exception.type', char(10, 12) || 'TimeoutError'),
        ('exception.stacktrace', char(10, 33) || 'Traceback:\\n  File "app.py", line 7')], 0)], []), '([],[])', at + 1, 7
FROM numbers(50)
"""
HUGE_TRACE = f"""
INSERT INTO spanledger.spans
    (project, timestamp, trace_id, span_id, parent_span_id, name, service_name, operation, provider, model, duration_ns,
    status, input_tokens, output_tokens,
     cost_usd, cost_status, billing_owner, resource, received_at, segment)
SELECT 'default', toDateTime64('2026-09-02 15:00:00', 9, 'UTC') + number / 100 AS at, '{HUGE}', leftPad(lower(hex(number + 1)), 16, '0'),
    if(number = 0, '', leftPad(lower(hex(intDiv(number - 1, 12) + 1)), 16, '0')), 'step ' || toString(number), ['planner',
    'worker'][number % 2 + 1], 'chat',
    'openai', 'gpt-5', if(number = 0, 40000000000, 400000000), 'ok', 10, 1, toDecimal128(0.0001, 12), 'priced', true, '([],[])', at + 1, 8
FROM numbers(3000)
"""
CONTENT = f"""
INSERT INTO spanledger.span_content VALUES
('default', '2026-09-02 12:00:02', '{AGENT}', '0000000000000002', 'input', 0,
    [('input', 'user', [('text', 'Where is my order? {HOSTILE}', '', '')]),
     ('input', 'tool', [('tool_call_response', 'on its way', 'call_1', '')])], '2026-09-02 12:00:03', 7),
('default', '2026-09-02 12:00:02', '{AGENT}', '0000000000000002', 'output', 0,
    [('output', 'assistant', [('tool_call', '{{"order": 7}}', 'call_1', 'search')])], '2026-09-02 12:00:03', 7)
"""
SPOKEN = (TRACES, HUGE_TRACE, CONTENT)


@dataclass(frozen=True)
class Store:
    """A store that is served at `dsn`."""

    dsn: str
    client: Client

    def row(self, question: str) -> dict[str, Any]:
        """The only row of an answer."""
        [row] = self.client.query(question).named_results()
        return dict(row)


def serve(data: Path, *statements: str) -> Iterator[Store]:
    """The store of a data folder, after these statements."""
    store = stored.Store(data / "store")
    store.keep("deliveries", 0)
    store.keep("span_content", 0)
    store.keep("spans", 0)  # what these tests tell is long ago
    store.command("ALTER TABLE spanledger.objective_minutes REMOVE TTL")
    client = store.open()
    for statement in statements:
        client.command(statement)
    app = readonly_app(store.open, lambda key: EVERYTHING)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    listening = bind("127.0.0.1", 0, "--clickhouse-port")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Store(f"http://127.0.0.1:{listening.getsockname()[1]}", client)
    server.should_exit = True
    thread.join()
    app.close()
    client.close()
    store.close()


Open = Callable[..., AppTest]
"""Opens the dashboard on a store, `opened(dsn, **query)`, and waits until it has drawn."""


def words(app: AppTest) -> str:
    """All that the page says, without its markup."""
    parts = [element.proto.body for element in app.get("html")] + [button.label for button in app.button]
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", " ".join(parts), flags=re.DOTALL))
