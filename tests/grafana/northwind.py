"""A platform with two days of Northwind's calls in it, behind its read-only interface, as Grafana would meet it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.client import Client
from collector.rig import Running
from collector.traffic import call, request
from grafana.reading import Reader
from opentelemetry.proto.trace.v1.trace_pb2 import Status

ODD = 'it\'s \\ "odd"'
"""A service whose name has all that a text in SQL has to escape."""
CALLS = 2_000
# What the configuration and the evaluator would have written.
EVENTS = """
INSERT INTO spanledger.alert_events (at, alert, objective, severity, fingerprint, started_at, event, value, summary, labels)
SELECT started + delay, 'burn-rate', 'support-availability', 'page', 'f1', started, event, 20, 'burns 20 times too fast', map()
FROM (SELECT toDateTime64({moment:UInt32}, 3, 'UTC') AS started)
ARRAY JOIN ['firing', 'notified', 'resolved'] AS event, [0, 1, 600] AS delay
"""
OBJECTIVES = """
INSERT INTO spanledger.objectives
    (objective, kind, description, indicator, objective_ratio, period, time_zone, minimum_calls, amount_usd, unpriced_call_usd, version)
VALUES
    ('support-availability', 'slo', 'It answers.', 'availability', 0.999, '28d', 'UTC', 10, NULL, NULL, 'v1'),
    ('nobody-calls', 'slo', 'It would answer.', 'availability', 0.99, '28d', 'UTC', 10, NULL, NULL, 'v1'),
    ('all-teams', 'budget', 'The whole bill.', 'spend', 1, 'month', 'Europe/Berlin', 0, 5000, 0.02, 'v1')
"""
_MINUTES = (
    "INSERT INTO spanledger.objective_minutes (objective, version, minute, late, calls, bad, cost_usd, unpriced_calls)"
)
OF_SLO = f"""
{_MINUTES}
SELECT 'support-availability', 'v1', toStartOfMinute(timestamp) AS at, false, sum(calls), countIf(status = 'error'), 0, 0
FROM spanledger.ledger GROUP BY at
"""
OF_BUDGET = f"""
{_MINUTES}
SELECT 'all-teams', 'v1', toStartOfMinute(timestamp) AS at, false, 0, 0, ifNull(sum(cost_usd), 0), countIf(cost_status = 'unpriced')
FROM spanledger.ledger GROUP BY at
"""
NEW_PRICE = """
INSERT INTO spanledger.prices
SELECT * REPLACE (toDateTime({moment:UInt32}, 'UTC') AS valid_from, input_uncached * 2 AS input_uncached)
FROM spanledger.prices
WHERE price_id != '' AND input_from = 0 AND minute_from = 0 AND service_tier = '' AND valid_to > now('UTC')
  AND (provider, model) IN (SELECT provider, model FROM spanledger.ledger GROUP BY provider, model)
"""
# Calls that still have to be priced: not those of a model of which the book has said that it does not know it.
UNPRICED = """
SELECT sum(calls) FROM spanledger.ledger WHERE cost_status = 'unpriced' AND isNotNull(input_uncached)
  AND (provider, model) NOT IN (SELECT provider, model FROM spanledger.prices WHERE price_id = '')
"""
STATEMENTS = (EVENTS, OBJECTIVES, OF_SLO, OF_BUDGET, NEW_PRICE)


@dataclass(frozen=True)
class Live:
    """A platform, a client as Grafana's data source is one, and the two days that have calls."""

    platform: Running
    client: Client
    since: datetime
    until: datetime

    @property
    def reader(self) -> Reader:
        return Reader(self.since, self.until)


def others(moment: int) -> list[bytes]:
    """What Northwind does not do: an odd name, a deploy, a model that nobody knows, a failed call, a span that is refused."""
    start = moment * 10**9
    refused = call(start_ns=start)
    refused.end_time_unix_nano = start - 1
    failed = call(start_ns=start, error__type="529")
    failed.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR))
    unknown = call(start_ns=start, gen_ai__request__model="house-model", gen_ai__provider__name="house")
    return [
        request([call(start_ns=start), failed, unknown, refused], ODD, service__version="1.2.3"),
        request([call(start_ns=start + 60 * 10**9)], ODD, service__version="1.2.4"),
    ]
