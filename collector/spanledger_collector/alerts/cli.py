"""The commands `spanledger alerts …`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer

from spanledger_collector.alerts.assembly import SILENCES, channels_of
from spanledger_collector.alerts.channels import Channel
from spanledger_collector.alerts.silences import Silence, Silences
from spanledger_collector.alerts.state import NAMES, Alert, Incident, Kind, Notice, Severity
from spanledger_collector.cli_options import SQL_PORT, ConfigFile, Data, ReadKey, SqlPort, ask, moment
from spanledger_collector.config import FILE_NAME, load_default
from spanledger_collector.errors import CollectorError, StartError
from spanledger_collector.windows import duration

app = typer.Typer(
    no_args_is_help=True, help="Alerts: what is wrong, what was, who is told, and for a while nobody (silence)."
)

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
# Whoever reads with a project's key is told nothing of alerts: they are the operator's.
_OF_A_KEY = " (to a project's key no alert is shown)"
_OPEN = """
SELECT severity, state, alert, objective, started_at, silenced, channels, summary
FROM alerts_open ORDER BY severity, started_at
"""
_HISTORY = """
SELECT severity, state, alert, objective, started_at, resolved_at, duration_seconds, silenced, channels, summary
FROM alert_history(from = now('UTC') - toIntervalSecond({seconds:UInt32}), to = now('UTC') + INTERVAL 1 DAY)
ORDER BY started_at DESC
"""


@app.command("list")
def list_(url: SqlPort = SQL_PORT, key: ReadKey = "", as_json: Json = False) -> None:
    """Show what is wrong now, in a running spanledger."""
    rows = _rows(ask(url, key, _OPEN, "JSONEachRow"))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    elif not rows:
        typer.echo(f"No alert is open{_OF_A_KEY if key else ''}.")
    else:
        _table(
            ("SEVERITY", "STATE", "SINCE", "TOLD TO", "SUMMARY"),
            [(row["severity"], row["state"], _minute(row["started_at"]), _told(row), row["summary"]) for row in rows],
        )


@app.command()
def history(
    url: SqlPort = SQL_PORT,
    key: ReadKey = "",
    since: Annotated[str, typer.Option("--since", help="How far back: 90m, 12h, 7d.")] = "7d",
    as_json: Json = False,
) -> None:
    """Show what was wrong lately, newest first, and how long."""
    rows = _rows(ask(url, key, _HISTORY, "JSONEachRow", {"seconds": int(_duration(since, "--since").total_seconds())}))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    elif not rows:
        typer.echo(f"Nothing was wrong in the last {since}{_OF_A_KEY if key else ''}.")
    else:
        _table(
            ("SEVERITY", "STATE", "BEGAN", "FOR", "TOLD TO", "SUMMARY"),
            [
                (
                    row["severity"], row["state"], _minute(row["started_at"]),
                    "" if row["duration_seconds"] is None else f"{round(int(row['duration_seconds']) / 60)} min",
                    _told(row), row["summary"],
                )
                for row in rows
            ],
        )  # fmt: skip


@app.command()
def silence(
    matchers: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE...",
            help="What is silenced: alert, objective, severity or a label (services, models, channel …); * is any text.",
        ),
    ],
    data: Data,
    config: ConfigFile = None,
    length: Annotated[str, typer.Option("--for", help="How long: 90m, 2h, 3d.")] = "",
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", parser=moment, metavar="TIME", help="Until when: 2026-11-24 or 2026-11-24T10:00, in UTC."
        ),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, metavar="TIME", help="From when, likewise.", show_default="now"),
    ] = None,
    by: Annotated[str, typer.Option(help="Who silences.", show_default="the user")] = "",
    comment: Annotated[str, typer.Option(help="Why: whoever is on call next will ask.")] = "",
) -> None:
    """Tell nobody of some alerts for a while, for example: spanledger alerts silence objective=checkout --for 2h

    They are evaluated and kept in the history all the same; what still fires when the silence ends is told then. Where the
    configuration has no such objective it is silenced all the same, with a warning: it may come yet.
    """
    if bool(length) == bool(until):
        raise typer.BadParameter("say either --for or --until")
    begin = start or datetime.now(UTC)
    try:
        end = until or begin + _duration(length, "--for")
    except OverflowError as error:
        raise typer.BadParameter("no calendar has the end of that silence", param_hint="--from") from error
    made = Silences(data / SILENCES).create(dict(map(_matcher, matchers)), begin, end, comment, by)
    typer.echo(f"{made.id}: {_matchers(made)} from {_minute(made.starts_at)} to {_minute(made.ends_at)} UTC")
    for warning in _unknown(made, config, data):
        typer.echo(f"warning: {warning}", err=True)


@app.command()
def unsilence(
    silence_id: Annotated[str, typer.Argument(help="The silence's ID, from `spanledger alerts silences`.")], data: Data
) -> None:
    """End a silence now. What still fires is told within seconds."""
    ended = Silences(data / SILENCES).expire(silence_id, datetime.now(UTC))
    typer.echo(f"Silence {ended.id} ({_matchers(ended)}) is over since {_minute(ended.ends_at)} UTC.")


@app.command()
def silences(
    data: Data,
    everything: Annotated[bool, typer.Option("--all", help="With those that are over.")] = False,
    as_json: Json = False,
) -> None:
    """Show the silences that hold, and those to come."""
    now = datetime.now(UTC)
    shown = [s for s in Silences(data / SILENCES).all() if everything or s.ends_at > now]
    if as_json:
        typer.echo(json.dumps([asdict(s) for s in shown], indent=1, default=datetime.isoformat))
    elif not shown:
        typer.echo("No silences: everybody is told everything.")
    else:
        _table(
            ("ID", "STATE", "FROM", "TO", "BY", "WHAT", "WHY"),
            [
                (
                    s.id, "over" if s.ends_at <= now else "holds" if s.starts_at <= now else "to come",
                    _minute(s.starts_at), _minute(s.ends_at), s.created_by, _matchers(s), s.comment,
                )
                for s in shown
            ],
        )  # fmt: skip


@app.command()
def test(
    data: Data,
    config: ConfigFile = None,
    channel: Annotated[str, typer.Option(help="Only this channel.", show_default="all of them")] = "",
) -> None:
    """Really send a test message and its resolve through each channel; exit code 1 where one of them did not take both."""
    channels = channels_of(load_default(config, data).alerting)
    if not channels:
        raise StartError("no channels are configured: name some in the configuration, under alerting.channels")
    chosen = [one for one in channels if channel in ("", one.name)]
    if not chosen:
        raise StartError(f"no channel {channel}: there are {', '.join(one.name for one in channels)}")
    failed = False
    for one in chosen:
        problem = _try(one, datetime.now(UTC))
        typer.echo(f"{one.name}: {f'FAILED: {problem}' if problem else 'took a test message and its resolve'}")
        failed = failed or bool(problem)
    if failed:
        raise typer.Exit(1)


def _try(channel: Channel, at: datetime) -> str:
    """Send a test and its resolve; returns what went wrong."""
    severity = min(channel.severities, key=list(Severity).index)
    incident = Incident(
        Alert("test", severity, subject="test"),
        at,
        summary=f"this is a test of channel {channel.name}",
        description="Sent by `spanledger alerts test`: nothing is wrong, and nothing is to be done.",
    )
    try:
        channel.send([Notice(Kind.FIRING, incident)], at)
        channel.send([Notice(Kind.RESOLVED, replace(incident, resolved_at=at))], at)
    except CollectorError as error:
        return str(error)
    except Exception as error:  # its text may have the address in it
        return f"it could not be sent: {type(error).__name__}"
    return ""


def _rows(answer: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.decode().splitlines()]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _told(row: Mapping[str, Any]) -> str:
    return "silenced" if row["silenced"] else ", ".join(row["channels"]) or "nobody"


def _minute(moment: datetime | str) -> str:
    return moment[:16] if isinstance(moment, str) else f"{moment:%Y-%m-%d %H:%M}"


def _matchers(silence: Silence) -> str:
    return " ".join(f"{name}={value}" for name, value in silence.matchers.items())


def _unknown(silence: Silence, config: Path | None, data: Path) -> Iterator[str]:
    """What a silence names and nothing has: by a slip it would silence nothing, and nobody would be told so."""
    if (alert := silence.matchers.get("alert")) and not any(fnmatchcase(name, alert) for name in NAMES):
        yield f"no alert is named {alert}: there are {', '.join(NAMES)}"
    if not (objective := silence.matchers.get("objective")):
        return
    where = config or data / FILE_NAME
    try:
        known = [one.name for one in load_default(config, data, environment=None).objectives]
    except StartError as error:  # the silence is made all the same
        yield f"it is not known whether there is an objective {objective}: {error}"
        return
    if not any(fnmatchcase(name, objective) for name in known):
        there = f"there are {', '.join(known)}" if known else "it names none; --config says where another one is"
        yield f"no objective of {where} is named {objective}: {there}"


def _matcher(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"{text}: say NAME=VALUE, for example objective=checkout", param_hint="NAME=VALUE")
    return name, value


def _duration(text: str, option: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
