"""*Collector health*: is everything that was sent taken, posted, and stored."""

from __future__ import annotations

from spanledger_grafana import ask, colours, links, variables
from spanledger_grafana.board import Board, Row
from spanledger_grafana.panels import column, stat, table, timeseries
from spanledger_grafana.sources import Json, metric, rows

SCRAPED = "No collector is scraped"
_OF = '{instance=~"$instance"}'


def _now(title: str, words: str, expression: str, unit: str, steps: colours.Steps, decimals: int | None = None) -> Json:
    return stat(title, words, metric(expression, title), unit, steps, decimals=decimals, nothing=SCRAPED)


def _curves(title: str, words: str, unit: str, **shown: tuple[str, str, str]) -> Json:
    """`shown`: expression, name and colour of each curve."""
    targets = [metric(expression, name, ref) for ref, (expression, name, _) in shown.items()]
    names = {name: (name, colour) for _, name, colour in shown.values()}
    return timeseries(title, words, *targets, unit=unit, names=names, nothing=SCRAPED)


def _rate(name: str) -> str:
    return f"sum(rate({name}{_OF}[$__rate_interval]))"


def stats() -> list[Json]:
    return [
        _now("Posting lag", "Age of the oldest segment that is not in the store yet.",
             f"max(spanledger_posting_lag_seconds{_OF})", "s", colours.rising(30, 60), 0),
        _now("Spool", "How full the fullest spool is. Full, it answers 503 and clients try again.",
             f"max(spanledger_spool_bytes{_OF} / spanledger_spool_limit_bytes{_OF})", "percentunit", colours.rising(0.25, 0.5), 1),
        _now("Posting failures", "Tries to post that failed in a row; 0 when all is well.",
             f"max(spanledger_posting_failures{_OF})", "short", colours.rising(1, 3)),
        _now("Quarantined", "Requests that the store refuses to read, kept in the spool.",
             f"sum(spanledger_requests_quarantined_total{_OF})", "short", colours.rising(1, 10)),
        _now("Requests taken", "Requests acknowledged a second: durable, and posted exactly once.",
             _rate("spanledger_requests_accepted_total"), "reqps", colours.plain(), 1),
        _now("Requests refused", "Requests not taken a second, for whatever reason.",
             f"({_rate('spanledger_requests_refused_total')}) or vector(0)", "reqps", colours.rising(0.01, 1), 2),
    ]  # fmt: skip


def requests() -> Json:
    return _curves(
        "Requests", "Taken, taken once more as a client's retry, and refused; 503 is to be tried again.", "reqps",
        A=(_rate("spanledger_requests_accepted_total"), "Taken", colours.GOOD),
        B=(_rate("spanledger_requests_duplicate_total"), "Retries of taken ones", colours.SECOND),
        C=(f"({_rate('spanledger_requests_refused_total')}) or vector(0)", "Refused", colours.BAD),
    )  # fmt: skip


def waiting() -> Json:
    return _curves(
        "Waiting to be posted", "Bytes in the spool, against what may wait there.", "bytes",
        A=(f"sum(spanledger_spool_bytes{_OF})", "Waiting", colours.ACCENT),
        B=(f"sum(spanledger_spool_limit_bytes{_OF}) / 2", "Half of what may wait", colours.WARN),
    )  # fmt: skip


def posting() -> Json:
    return _curves(
        "Posted", "Requests taken and requests posted a second: apart for long, the store cannot keep up.", "reqps",
        A=(_rate("spanledger_requests_accepted_total"), "Taken", colours.GOOD),
        B=(_rate("spanledger_requests_posted_total"), "Posted", colours.ACCENT),
    )  # fmt: skip


def traffic() -> Json:
    return _curves(
        "Traffic", "Bytes of acknowledged requests a second, unpacked.", "binBps",
        A=(_rate("spanledger_accepted_bytes_total"), "Taken", colours.ACCENT),
    )  # fmt: skip


def arrivals() -> Json:
    sql = (
        f"SELECT if(service = '', '{ask.NAMELESS}', service) AS service, exports, spans, missing, dropped, last_received_at\n"
        f"FROM spanledger.arrivals({ask.PROJECT}, {ask.RANGE})\nORDER BY missing + dropped DESC, spans DESC\nLIMIT 200"
    )
    shown = {
        "service": column("Service", width=180),
        "exports": column("Exports", "short"),
        "spans": column("Spans", "short"),
        "missing": column("Exports missing", "short", steps=colours.rising(1, 10)),
        "dropped": column("Spans dropped", "short", steps=colours.rising(1, 100)),
        "last_received_at": column("Last", "dateTimeFromNow"),
    }
    words = "What each service sent, and what did not arrive: exports whose number was skipped, spans that the SDK had to drop."
    return table("Sent and stored", words, rows(sql), shown, nothing="Nothing arrived in this range")


def rejected() -> Json:
    sql = (
        f"SELECT reason::String AS reason, if(service_name = '', '{ask.NAMELESS}', service_name::String) AS service,"
        " count() AS spans, max(received_at) AS last_received_at, any(name) AS example\n"
        "FROM spanledger.rejected\n"
        f"WHERE received_at >= {ask.SINCE} AND received_at < {ask.UNTIL}"
        " AND (empty(${project:singlequote}) OR project = ${project:singlequote})\n"
        "GROUP BY reason, service\nORDER BY spans DESC\nLIMIT 100"
    )
    shown = {
        "reason": column("Reason", width=180),
        "service": column("Service"),
        "spans": column("Spans", "short", bar=True),
        "last_received_at": column("Last", "dateTimeFromNow"),
        "example": column("For instance"),
    }
    words = "Spans that were taken and refused by rule: kept for 90 days with all their fields, in no sum."
    return table("Rejected spans", words, rows(sql), shown, nothing="None was rejected")


def board(dashboard_url: str) -> Board:
    return Board(
        "spanledger-collector",
        "Collector health",
        "Whether everything that was sent is taken, posted and stored. The upper half is from Prometheus.",
        rows=[
            Row(4, stats()),
            Row(8, [requests(), waiting()]),
            Row(8, [posting(), traffic()]),
            Row(9, [arrivals(), rejected()]),
        ],
        variables=[variables.project(), variables.instance(), variables.dashboard_url(dashboard_url)],
        links=[links.boards()],
        since="now-6h",
        refresh="30s",
    )
