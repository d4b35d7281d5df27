"""What `/metrics` shows: every name and its meaning. The only file that knows prometheus_client.

Calls, tokens and money are read from the ledger, segment by segment as they are posted, and only ever added to: first
charges, so that the counters never fall. Corrections are in the ledger alone.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UntypedMetricFamily,
)
from prometheus_client.registry import Collector

from spanledger_collector.alerts.evaluator import Evaluator
from spanledger_collector.alerts.state import Severity
from spanledger_collector.door import Door
from spanledger_collector.errors import CollectorError
from spanledger_collector.forwarder import Forwarder
from spanledger_collector.spool import Spool
from spanledger_collector.wire import Signal

# Seconds. Model calls take from a tenth of a second to minutes.
LATENCY_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0)
TOKEN_TYPES = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_in",
    "output_text",
    "reasoning",
    "audio_out",
)
# Segments between two scrapes are counted in one query; more than this are counted before a scrape asks.
UNCOUNTED_LIMIT = 500
# Models that have series of their own, the first that were seen and of those the most used: a client may send any name.
MODELS_LIMIT = 500
OTHER_MODEL = "_OTHER"  # as OpenTelemetry names the value that stands for all further ones
Totals = tuple[int, int, Decimal, int]
"""Of an objective: calls, bad ones, USD, calls without a price."""
NOTHING: Totals = (0, 0, Decimal(0), 0)

_TOTALS = f"""
WITH {{known:Array(String)}} AS known
SELECT
    if(has(known, model) OR model IN (
        SELECT model FROM spanledger.ledger
        WHERE segment IN ({{segments:Array(UInt64)}}) AND NOT has(known, model) AND kind = 'charge' AND reason = ''
        GROUP BY model ORDER BY count() DESC, model LIMIT {{room:UInt64}}
    ), model, '{OTHER_MODEL}') AS label, status, toUInt64(count()) AS requests, sum(cost_usd) AS cost,
    {", ".join(f"sum({kind})" for kind in TOKEN_TYPES)},
    {", ".join(f"countIf(duration_ns <= {round(le * 10**9)})" for le in LATENCY_BUCKETS)}, sum(duration_ns) / 1e9
FROM spanledger.ledger
WHERE segment IN ({{segments:Array(UInt64)}}) AND kind = 'charge' AND reason = ''
GROUP BY label, status
"""

_NOT_KEPT = (
    "SELECT signal, sum(items) FROM spanledger.not_kept WHERE segment IN ({segments:Array(UInt64)}) GROUP BY signal"
)

_OBJECTIVES = "SELECT objective, kind FROM spanledger.objectives_now"
# what is late has no place in a time series whose samples have the time of the scrape
_OBJECTIVE_TOTALS = """
SELECT objective, sum(calls), sum(bad), sum(cost_usd), sum(unpriced_calls)
FROM spanledger.objective_minutes
WHERE NOT late AND (segment IN ({segments:Array(UInt64)})) = {those:Bool}
GROUP BY objective
"""


class Metrics(Collector):
    """The collector's metrics. `query` reads the ledger; a posted segment is counted once, at the next scrape.

    What the objectives of this start have counted already is read at once, so that a restart does not begin at 0.
    """

    def __init__(
        self,
        query: Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]],
        door: Door,
        spool: Spool,
        forwarder: Forwarder,
        alerts: Evaluator | None = None,
    ) -> None:
        self._query = query
        self._door, self._spool, self._forwarder, self._alerts = door, spool, forwarder, alerts
        self._counting = (
            threading.Lock()
        )  # of the sums: held while the store is asked, so who posts does not wait for it
        self._lock = threading.Lock()  # of what is uncounted
        self._uncounted: list[int] = []
        self._refused: Counter[tuple[str, int]] = Counter()
        self._taken: Counter[str] = Counter()
        self._requests: dict[tuple[str, str], int] = {}
        self._cost: dict[str, Decimal] = {}
        self._tokens: dict[tuple[str, str], int] = {}
        self._latency: dict[str, list[float]] = {}
        self._not_kept: dict[str, int] = {Signal.LOGS: 0, Signal.METRICS: 0}
        kinds = [(name, kind) for name, kind in query(_OBJECTIVES, {})]
        self._slos: dict[str, Totals] = {name: NOTHING for name, kind in kinds if kind == "slo"}
        self._budgets: dict[str, Totals] = {name: NOTHING for name, kind in kinds if kind == "budget"}
        if kinds:  # what was begun will be posted anew
            self._add(query(_OBJECTIVE_TOTALS, {"segments": list(spool.journal.state.started), "those": False}))
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def posted(self, segment: int) -> None:
        """A segment has been posted: its calls count from now on."""
        with self._lock:
            self._uncounted.append(segment)
            many = len(self._uncounted) >= UNCOUNTED_LIMIT
        if many and self._counting.acquire(blocking=False):
            try:
                self._count()
            finally:
                self._counting.release()

    def taken(self, protocol: str) -> None:
        """A request was acknowledged, over protobuf, json (both HTTP) or grpc."""
        self._taken[protocol] += 1

    def refused(self, protocol: str, status: int) -> None:
        """A request was answered with an error status; of gRPC, the HTTP status that says the same."""
        self._refused[protocol, status] += 1

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> list[Metric]:
        with self._counting:
            with contextlib.suppress(CollectorError):  # the store is away: its calls are counted once it is back
                self._count()
            return [*self._calls(), *self._objectives(), *self._own(), *self._alerting()]

    def _count(self) -> None:
        with self._lock:
            segments = list(self._uncounted)
        if not segments:
            return
        known = [model for model in self._cost if model != OTHER_MODEL]
        room = MODELS_LIMIT - len(known)
        totals = self._query(_TOTALS, {"segments": segments, "known": known, "room": room})
        not_kept = self._query(_NOT_KEPT, {"segments": segments})
        if self._slos or self._budgets:  # asked before anything is added: it may fail
            self._add(self._query(_OBJECTIVE_TOTALS, {"segments": segments, "those": True}))
        for signal, items in not_kept:
            self._not_kept[signal] += items
        for model, status, requests, cost, *rest in totals:
            self._requests[model, status] = self._requests.get((model, status), 0) + requests
            self._cost[model] = self._cost.get(model, Decimal(0)) + (cost or 0)
            for kind, tokens in zip(TOKEN_TYPES, rest, strict=False):
                self._tokens[model, kind] = self._tokens.get((model, kind), 0) + (tokens or 0)
            fresh = [*rest[len(TOKEN_TYPES) : -1], requests, rest[-1]]
            before = self._latency.setdefault(model, [0] * len(fresh))
            self._latency[model] = [a + b for a, b in zip(before, fresh, strict=True)]
        with self._lock:
            del self._uncounted[: len(segments)]

    def _add(self, rows: Sequence[Sequence[Any]]) -> None:
        for name, *fresh in rows:
            for objectives in (self._slos, self._budgets):
                if name in objectives:
                    calls, bad, cost, unpriced = objectives[name]
                    objectives[name] = (calls + fresh[0], bad + fresh[1], cost + fresh[2], unpriced + fresh[3])

    def _objectives(self) -> list[Metric]:
        calls = CounterMetricFamily("spanledger_slo_calls", "Calls that an SLO counts.", labels=["slo"])
        bad = CounterMetricFamily("spanledger_slo_bad_calls", "Those of them that are bad.", labels=["slo"])
        for name, (number, bad_ones, _, _) in self._slos.items():
            calls.add_metric([name], number)
            bad.add_metric([name], bad_ones)
        spend = CounterMetricFamily(
            "spanledger_budget_spend_usd",
            "First charges in USD that a budget pays; calls without a price add nothing. Never falls.",
            labels=["budget"],
        )
        unpriced = CounterMetricFamily(
            "spanledger_budget_unpriced_calls", "Billable calls of a budget without a price.", labels=["budget"]
        )
        for name, (_, _, dollars, without) in self._budgets.items():
            spend.add_metric([name], float(dollars))
            unpriced.add_metric([name], without)
        return [calls, bad, spend, unpriced]

    def _calls(self) -> list[Metric]:
        requests = CounterMetricFamily(
            "llm_requests", "Model calls, by outcome: ok or error.", labels=["model", "status"]
        )
        for labels, number in self._requests.items():
            requests.add_metric(labels, number)
        tokens = CounterMetricFamily("llm_tokens", "Tokens, each in exactly one type.", labels=["model", "type"])
        for labels, number in self._tokens.items():
            tokens.add_metric(labels, number)
        # a counter under the name that is agreed on: as one, its name would be made to end in _total
        cost = UntypedMetricFamily(
            "llm_cost_dollars", "Charges in USD; calls without a price add nothing. Never falls.", labels=["model"]
        )
        latency = HistogramMetricFamily("llm_latency_seconds", "Duration of model calls.", labels=["model"])
        for model, dollars in self._cost.items():
            cost.add_metric([model], float(dollars))
        for model, (*counts, total, seconds) in self._latency.items():
            edges = [(str(le), number) for le, number in zip(LATENCY_BUCKETS, counts, strict=True)]
            latency.add_metric([model], [*edges, ("+Inf", total)], seconds)
        return [requests, tokens, cost, latency]

    def _own(self) -> list[Metric]:
        refused = CounterMetricFamily(
            "spanledger_requests_refused",
            "Requests not taken, by protocol and HTTP status; 503 is to be retried.",
            labels=["protocol", "status"],
        )
        for (protocol, status), number in self._refused.items():
            refused.add_metric([protocol, str(status)], number)
        taken = CounterMetricFamily(
            "spanledger_requests_taken",
            "Requests acknowledged, retries and those that are not kept too: protobuf and json over HTTP, and grpc.",
            labels=["protocol"],
        )
        for protocol, number in self._taken.items():
            taken.add_metric([protocol], number)
        not_kept = CounterMetricFamily(
            "spanledger_items_not_kept",
            "Log records and data points that were acknowledged and are not kept.",
            labels=["signal"],
        )
        for signal, items in self._not_kept.items():
            not_kept.add_metric([signal], items)
        counters = {
            "spanledger_requests_accepted": (
                "Requests acknowledged: durable, and posted exactly once.",
                self._door.accepted,
            ),
            "spanledger_requests_duplicate": (
                "Requests acknowledged as a retry of an earlier one.",
                self._door.duplicates,
            ),
            "spanledger_accepted_bytes": ("Bytes of acknowledged requests, unpacked.", self._door.accepted_bytes),
            "spanledger_segments_posted": ("Segments posted to the store.", self._forwarder.posted_segments),
            "spanledger_requests_posted": ("Requests posted to the store.", self._forwarder.posted_requests),
            "spanledger_requests_quarantined": (
                "Requests that the store refuses, kept in the spool.",
                self._forwarder.quarantined,
            ),
        }
        gauges = {
            "spanledger_spool_bytes": ("Bytes that wait to be posted.", self._spool.size),
            "spanledger_spool_limit_bytes": (
                "Bytes that may wait; beyond them requests get 503.",
                self._spool.settings.limit,
            ),
            "spanledger_spool_segments": ("Segments that wait to be posted.", self._spool.segments),
            "spanledger_posting_lag_seconds": (
                "Age of the oldest segment that is not posted.",
                self._spool.oldest_age(),
            ),
            "spanledger_posting_failures": (
                "Tries to post that failed in a row; 0 when all is well.",
                self._forwarder.failures,
            ),
        }
        return [
            taken,
            refused,
            not_kept,
            *(CounterMetricFamily(name, text, value=value) for name, (text, value) in counters.items()),
            *(GaugeMetricFamily(name, text, value=value) for name, (text, value) in gauges.items()),
        ]

    def _alerting(self) -> list[Metric]:
        if self._alerts is None:
            return []
        evaluated = GaugeMetricFamily(
            "spanledger_alert_evaluation_timestamp_seconds", "When alerts were last evaluated, all of them; Unix time."
        )
        if self._alerts.evaluated_at is not None:
            evaluated.add_metric([], self._alerts.evaluated_at.timestamp())
        open_ = GaugeMetricFamily("spanledger_alerts_open", "Incidents that are open.", labels=["severity"])
        for severity in Severity:
            number = sum(incident.alert.severity is severity for incident in self._alerts.open)
            open_.add_metric([severity], number)
        sent = CounterMetricFamily(
            "spanledger_alert_messages_sent", "Messages that a channel took.", labels=["channel"]
        )
        failed = CounterMetricFamily(
            "spanledger_alert_messages_failed",
            "Messages that a channel did not take, each after several tries; they are tried again.",
            labels=["channel"],
        )
        for line in self._alerts.lines:
            sent.add_metric([line.channel.name], line.sent)
            failed.add_metric([line.channel.name], line.failed)
        return [evaluated, open_, sent, failed]
