"""The conditions of the platform itself: will what is sent be stored, soon, and priced, and will anybody hear of it?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from spanledger_collector.alerts.delivery import Line
from spanledger_collector.alerts.records import Reader
from spanledger_collector.alerts.state import Alert, Condition, Severity

# What is asked of the store is asked this often.
ASKED_EVERY = timedelta(minutes=1)
# Failures in a row, so that a hiccup is no alert.
POSTING_FAILURES = 5
STORE_FAILURES = 3
# Fewer calls, or refused spans, say nothing about a share.
FEWEST = 20
# Refused spans are rising where they are this share of the last quarter of an hour, and twice the share of the day before.
REJECTED_SHARE = 0.01

_REJECTS = Alert("rejects-rising", Severity.TICKET)
_COVERED = Alert("coverage-falling", Severity.TICKET)
_BOOK_OLD = Alert("price-book-old", Severity.TICKET)
# What only the store can say.
STORED = (_REJECTS, _COVERED, _BOOK_OLD)

_REJECTED = """
SELECT
    toUInt64(countIf(received_at >= {at:DateTime('UTC')} - INTERVAL 15 MINUTE)) AS rejected_now, toUInt64(count()) AS rejected,
    topKIf(1)(reason, received_at >= {at:DateTime('UTC')} - INTERVAL 15 MINUTE)[1] AS reason
FROM spanledger.rejected
WHERE received_at >= {at:DateTime('UTC')} - INTERVAL 1 DAY AND received_at < {at:DateTime('UTC')}
"""
_DELIVERED = """
SELECT sumIf(spans, received_at >= {at:DateTime('UTC')} - INTERVAL 15 MINUTE) AS spans_now, sum(spans) AS spans_of_day
FROM spanledger.deliveries
WHERE received_at >= {at:DateTime('UTC')} - INTERVAL 1 DAY AND received_at < {at:DateTime('UTC')}
"""
_COVERAGE = """
SELECT billable_calls, unpriced_share
FROM spanledger.usage(step=0, by='', from={at:DateTime('UTC')} - INTERVAL 1 HOUR, to={at:DateTime('UTC')}, project='',
    environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[])
"""
# When the edition that is in force was first seen: what was looked up later in it is no newer edition.
_BOOK = """
SELECT min(recorded_at) AS recorded_at FROM spanledger.prices
WHERE price_version = (SELECT argMax(price_version, recorded_at) FROM spanledger.prices WHERE source != 'prices.yaml')
HAVING count() > 0
"""


@dataclass(frozen=True)
class Thresholds:
    """When the platform's own alerts begin. `spool_fill` and `coverage` are shares between 0 and 1."""

    spool_fill: float = 0.5
    posting_lag: timedelta = timedelta(seconds=60)
    coverage: float = 0.95
    price_book_age: timedelta = timedelta(days=14)


@dataclass(frozen=True)
class Vitals:
    """How spool and forwarder are: `posting_lag` in seconds, failures in a row."""

    spool_bytes: int
    spool_limit: int
    posting_lag: float
    posting_failures: int
    posting_error: str


class PlatformAlerts:
    """The platform's own conditions."""

    def __init__(self, client: Reader, vitals: Callable[[], Vitals], thresholds: Thresholds) -> None:
        self._client = client
        self._vitals = vitals
        self._thresholds = thresholds
        self._asked: list[Condition] = []
        self._asked_at: datetime | None = None

    def behind(self) -> bool:
        """Is posting so late, or does it fail, that calls may have been made which the store does not show yet?"""
        vitals = self._vitals()
        return vitals.posting_failures > 0 or vitals.posting_lag > self._thresholds.posting_lag.total_seconds()

    def own(self, lines: Iterable[Line], store_failures: int, store_error: str) -> list[Condition]:
        """What is known without the store. `store_failures`: evaluations in a row that could not read or write it."""
        vitals, limits = self._vitals(), self._thresholds
        fill, lag = vitals.spool_bytes / vitals.spool_limit, vitals.posting_lag
        return [
            Condition(
                Alert("spool-filling", Severity.PAGE),
                fill > limits.spool_fill,
                fill,
                f"the spool is {fill:.0%} full",
                f"{vitals.spool_bytes:,} of {vitals.spool_limit:,} bytes wait to be posted. When it is full, requests get 503.",
            ),
            Condition(
                Alert("posting-lag", Severity.TICKET),
                lag > limits.posting_lag.total_seconds(),
                lag,
                f"what was sent {lag:.0f} seconds ago is not posted yet",
                "Figures and alerts are as far behind.",
            ),
            Condition(
                Alert("posting-failing", Severity.PAGE),
                vitals.posting_failures >= POSTING_FAILURES,
                float(vitals.posting_failures),
                f"posting to the store failed {vitals.posting_failures} times in a row",
                f"{vitals.posting_error}\nNothing is lost: what is sent waits in the spool until that is full.",
            ),
            Condition(
                Alert("store-failing", Severity.PAGE),
                store_failures >= STORE_FAILURES,
                float(store_failures),
                f"objectives could not be evaluated {store_failures} times in a row",
                f"{store_error}\nUntil the store answers, no other alert can begin or end.",
            ),
            *map(_channel_down, lines),
        ]

    def stored(self, at: datetime) -> list[Condition]:
        """What the store says, once a minute. Whatever it raises comes out."""
        if self._asked_at is None or not timedelta(0) <= at - self._asked_at < ASKED_EVERY:
            self._asked = [self._rejects(at), self._coverage(at), self._price_book(at)]
            self._asked_at = at
        return self._asked

    def _rejects(self, at: datetime) -> Condition:
        [rejected], [delivered] = self._rows(_REJECTED, at), self._rows(_DELIVERED, at)
        now, before = rejected["rejected_now"], rejected["rejected"] - rejected["rejected_now"]
        share = now / max(delivered["spans_now"], 1)
        share_before = before / max(delivered["spans_of_day"] - delivered["spans_now"], 1)
        return Condition(
            _REJECTS,
            now >= FEWEST and share > REJECTED_SHARE and share > 2 * share_before,
            share,
            f"{share:.1%} of the spans of the last 15 min were refused",
            f"{now:,} spans, most of them for {rejected['reason']}; the day before it was {share_before:.1%}. "
            "Table `rejected` has them.",
        )

    def _coverage(self, at: datetime) -> Condition:
        alert, limit = _COVERED, self._thresholds.coverage
        rows = self._rows(_COVERAGE, at)
        if not rows or rows[0]["billable_calls"] < FEWEST:
            return Condition(alert, False)
        covered = 1 - (rows[0]["unpriced_share"] or 0)
        return Condition(
            alert,
            covered < limit,
            covered,
            f"only {covered:.1%} of the billable calls of the last hour have a cost",
            f"Less than {limit:.1%}: a model without a price is in use. View `coverage` and the Spend page show which.",
        )

    def _price_book(self, at: datetime) -> Condition:
        alert, limit = _BOOK_OLD, self._thresholds.price_book_age
        rows = self._rows(_BOOK)
        if not rows:
            return Condition(alert, None)
        age = at.replace(tzinfo=None) - rows[0]["recorded_at"].replace(tzinfo=None)
        return Condition(
            alert,
            age > limit,
            age / timedelta(days=1),
            f"the price book is {age.days} days old",
            "New models are unpriced, and changed prices are not known: upgrade the package genai-prices.",
        )

    def _rows(self, sql: str, at: datetime | None = None) -> list[Mapping[str, Any]]:
        parameters = {} if at is None else {"at": f"{at:%Y-%m-%d %H:%M:%S}"}
        return list(self._client.query(sql, parameters=parameters).named_results())


def _channel_down(line: Line) -> Condition:
    channel = line.channel
    return Condition(
        # as urgent as what does not get through
        Alert(
            "channel-down",
            Severity.PAGE if Severity.PAGE in channel.severities else Severity.TICKET,
            subject=channel.name,
        ),
        line.down,
        float(line.failures),
        f"channel {channel.name} takes no messages",
        f"{line.failures} in a row, the last one: {line.last_error}\nWhat it is owed is kept and tried again.",
        {"channel": channel.name},
    )
