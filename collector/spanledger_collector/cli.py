"""The command line: `spanledger up | migrate | keys | slo | alerts | prices | sql | doctor | send-test-span | replay`."""

from __future__ import annotations

import gc
import importlib.util
import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from spanledger_collector import cli_tools, price_rules, prices_cli, slo
from spanledger_collector.alerts import cli as alerts
from spanledger_collector.cli_options import SQL_PORT, ConfigFile, Data, PricesFile, ReadKey, SqlPort, ask, moment
from spanledger_collector.config import load, load_default, load_named
from spanledger_collector.engine import DICTIONARY_USER
from spanledger_collector.errors import CollectorError, StartError
from spanledger_collector.keys import USUAL_SCOPES, Keys, Scope
from spanledger_collector.logs import LogFormat, set_up_logging
from spanledger_collector.platform import Options, Platform, migrate_folder, migrate_server

app = typer.Typer(
    name="spanledger",
    help="Observability and cost analytics for LLM applications: every call is a span, every span is posted to a ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(
    no_args_is_help=True,
    help="API keys: a project's right to send (ingest) and to read. From the first key on, every request needs one.",
)
app.add_typer(keys_app, name="keys")
app.add_typer(alerts.app, name="alerts")
app.add_typer(prices_cli.app, name="prices")
cli_tools.add_to(app)
slo_app = typer.Typer(
    no_args_is_help=True, help="SLOs and budgets: check the configuration, see how they stand, generate alert rules."
)
app.add_typer(slo_app, name="slo")

StoreDsn = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="SPANLEDGER_STORE_DSN",
        help="A ClickHouse server: http://user:password@host:8123.",
        show_default="embedded, in the data folder",
        show_envvar=True,
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TABLE=DAYS",
        help="How long a table keeps its rows; 0 is for ever. Default: spans=30, ledger=0, rejected=90, deliveries=90, "
        "gen_ai_events=30, gen_ai_metrics=30, span_content=7, not_kept=90.",
    ),
]


@app.command()
def up(
    data: Data,
    store: StoreDsn = "",
    host: Annotated[
        str,
        typer.Option(
            envvar="SPANLEDGER_HOST", help="Address of the OTLP and SQL ports. Any but a loopback one needs API keys."
        ),
    ] = "127.0.0.1",
    otlp_port: Annotated[
        int,
        typer.Option(
            envvar="SPANLEDGER_OTLP_PORT",
            min=0,
            max=65_535,
            help="OTLP/HTTP: POST /v1/traces, /v1/logs, /v1/metrics; also /healthz, /readyz, /metrics.",
        ),
    ] = 4318,
    grpc_port: Annotated[int, typer.Option(envvar="SPANLEDGER_GRPC_PORT", min=0, max=65_535, help="OTLP/gRPC.")] = 4317,
    no_grpc: Annotated[bool, typer.Option("--no-grpc", help="Run without OTLP/gRPC.")] = False,
    clickhouse_port: Annotated[
        int,
        typer.Option(
            envvar="SPANLEDGER_CLICKHOUSE_PORT",
            min=0,
            max=65_535,
            help="Read-only SQL, over ClickHouse's HTTP protocol.",
        ),
    ] = 8123,
    dashboard_port: Annotated[
        int, typer.Option(envvar="SPANLEDGER_DASHBOARD_PORT", min=0, max=65_535, help="The dashboard, on 127.0.0.1.")
    ] = 8501,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Run without the dashboard.")] = False,
    api_origin: Annotated[
        list[str] | None,
        typer.Option(
            envvar="SPANLEDGER_API_ORIGINS",
            metavar="ORIGIN",
            help="Web pages of this origin, as https://host[:port], may read the HTTP API. Default: of none.",
            callback=lambda given: [_origin(text) for text in given or ()],
        ),
    ] = None,
    keep: Keep = None,
    config: ConfigFile = None,
    capture_content: Annotated[
        bool,
        typer.Option(
            "--capture-content",
            help="Keep prompts and completions, as `content: {capture: true}` in the configuration does.",
        ),
    ] = False,
    prices: PricesFile = None,
    log_format: Annotated[
        LogFormat,
        typer.Option(envvar="SPANLEDGER_LOG_FORMAT", help="The log, on standard error: text, or a line of JSON each."),
    ] = LogFormat.TEXT,
) -> None:
    """Run the platform in the foreground: collector, store, read-only SQL and dashboard, in one data folder.

    With --store, what is kept is on a ClickHouse server: the folder has the spool and the keys, SQL is the server's.
    """
    set_up_logging(log_format, _log_level())
    with_dashboard = not no_dashboard
    if with_dashboard and importlib.util.find_spec("streamlit") is None:
        typer.echo(
            "The dashboard is not installed (pip install 'spanledger[dashboard]'): running without it.", err=True
        )
        with_dashboard = False
    configured = load_default(config, data)
    if capture_content:
        content = configured.content.model_copy(update={"capture": True})
        configured = configured.model_copy(update={"content": content})
    platform = Platform(
        Options(
            data=data,
            store=store,
            host=host,
            otlp_port=otlp_port,
            grpc_port=None if no_grpc else grpc_port,
            clickhouse_port=clickhouse_port,
            dashboard_port=dashboard_port if with_dashboard else None,
            keep=dict(_retention(entry) for entry in keep or ()),
            config=configured,
            prices=price_rules.load_default(prices, data),
            api_origins=api_origin or (),
        )
    )
    where = platform.addresses
    typer.echo(f"spanledger runs, with its data in {data}\n")
    if where.dashboard:
        typer.echo(f"  dashboard        {where.dashboard}")
    typer.echo(f"  OTLP/HTTP        {where.otlp}/v1/traces")
    if where.grpc:
        typer.echo(f"  OTLP/gRPC        {where.grpc}")
    typer.echo(f"  {'ClickHouse    ' if store else 'SQL, read-only'}   {where.clickhouse}")
    typer.echo("\nCtrl-C stops it.", nl=True)
    sys.stdout.flush()
    # What is loaded stays, and what a request makes has no cycles: to look for some took a third of the time to read JSON.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    platform.run()
    typer.echo("spanledger has stopped; everything it acknowledged is on disk.")


@app.command()
def migrate(
    data: Data,
    store: StoreDsn = "",
    dictionary_user: Annotated[
        str,
        typer.Option(
            envvar="SPANLEDGER_DICTIONARY_USER",
            help="On a server: who reads the tables of the dictionaries, from the server itself and without a password.",
        ),
    ] = DICTIONARY_USER,
    keep: Keep = None,
    config: ConfigFile = None,
) -> None:
    """Bring the store up to date: its schema, its retention, its objectives. `up` does this too where the store is embedded.

    On a server: the schema and the retention, as a user who may create tables, and with no collector running.
    """
    retention = dict(map(_retention, keep or ()))
    recorded: list[str] = []
    found = None if store else load_named(config, data)
    if store:
        applied = migrate_server(store, dictionary_user, retention, datetime.now(UTC))
    else:
        applied, recorded = migrate_folder(data, retention, found, datetime.now(UTC))
    for name in applied:
        typer.echo(f"applied schemas/{name}.sql")
    kept = {objective.name for objective in found.objectives} if found else set()
    for name in recorded:
        typer.echo(f"{'recorded' if name in kept else 'ended'} {name}")
    typer.echo(
        f"{len(applied)} applied; the schema is up to date."
        if applied
        else "Nothing to apply; the schema is up to date."
    )


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A SELECT. Without one, it is read from standard input.")] = "",
    url: SqlPort = SQL_PORT,
    key: ReadKey = "",
    output: Annotated[
        str,
        typer.Option(
            "--format",
            help="Any ClickHouse output format: PrettyCompact, CSVWithNames, JSONEachRow … A FORMAT in the query wins.",
        ),
    ] = "PrettyCompactMonoBlock",
) -> None:
    """Ask a running spanledger in SQL, for example: spanledger sql "SELECT model, sum(cost_usd) FROM ledger GROUP BY model"."""
    text = query or sys.stdin.read()
    if not text.strip():
        raise typer.BadParameter("give a query, or pipe one in")
    sys.stdout.buffer.write(ask(url, key, text, output))


@slo_app.command("check")
def slo_check(file: Annotated[Path, typer.Argument(help="The configuration to check.")]) -> None:
    """Check a configuration file, without a running spanledger and without the secrets that it takes from the environment."""
    config = load(file, environment=None)
    typer.echo(
        f"{file} is right. SLOs: {len(config.slos)}, budgets: {len(config.budgets)}, channels: {len(config.alerting.channels)}."
    )


@slo_app.command("list")
def slo_list(
    url: SqlPort = SQL_PORT,
    key: ReadKey = "",
    output: Annotated[str, typer.Option("--format", help="Any ClickHouse output format.")] = "PrettyCompactMonoBlock",
) -> None:
    """Show the SLOs and budgets that a running spanledger has in force."""
    _show(ask(url, key, slo.LIST, output))


@slo_app.command("status")
def slo_status(
    url: SqlPort = SQL_PORT,
    key: ReadKey = "",
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=moment,
            metavar="TIME",
            help="As of when: 2026-11-24 or 2026-11-24T10:00, in UTC.",
            show_default="now",
        ),
    ] = None,
    output: Annotated[str, typer.Option("--format", help="Any ClickHouse output format.")] = "PrettyCompactMonoBlock",
) -> None:
    """Show how the SLOs and budgets of a running spanledger stand: what is left of each, how fast it goes, what fires."""
    asked = (at or datetime.now(UTC)).replace(tzinfo=None, microsecond=0)
    _show(ask(url, key, slo.STATUS, output, {"at": asked}))


@slo_app.command("generate")
def slo_generate(
    what: Annotated[
        slo.Target,
        typer.Argument(help="prometheus: recording and alerting rules. grafana: alert rules, as a provisioning file."),
    ],
    data: Data,
    config: ConfigFile = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write.", show_default="standard output")
    ] = None,
) -> None:
    """Generate the alert rules of a configuration, for Prometheus or for Grafana. They say what the built-in alerts say."""
    found = load(config, environment=None) if config else load_default(None, data, environment=None)
    if not found.objectives:
        raise StartError("there are no SLOs or budgets to make rules of: name a configuration with --config")
    text = slo.generate(what, found)
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    typer.echo(f"{out} is written: rules for {len(found.objectives)} SLOs and budgets.")


@keys_app.command("create")
def keys_create(
    data: Data,
    project: Annotated[str, typer.Option(help="The project that the key is for.")] = "default",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What the key may do; give the option once for each.", show_default="ingest and read"),
    ] = None,
) -> None:
    """Make a key. It is shown once, here, and only its hash is kept."""
    key = Keys(data / "keys.json").create(project, scope or USUAL_SCOPES, datetime.now(UTC))
    typer.echo(key)
    typer.echo(
        f"For project {project}, with the spanledger whose data is in {data}. "
        "Send it as `Authorization: Bearer …`; it will not be shown again.",
        err=True,
    )


@keys_app.command("list")
def keys_list(data: Data, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show the keys: their names, never the keys themselves."""
    keys = Keys(data / "keys.json").all()
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "id": k.id,
                        "project": k.project,
                        "scopes": k.scopes,
                        "created_at": k.created_at,
                        "revoked_at": k.revoked_at or None,
                    }
                    for k in keys
                ],
                indent=1,
            )
        )
        return
    if not keys:
        typer.echo(f"No keys in {data}. On a loopback address none is needed; `spanledger keys create` makes one.")
        return
    typer.echo(f"Keys in {data}:", err=True)
    typer.echo(f"{'ID':<14}{'PROJECT':<24}{'MAY':<14}{'CREATED':<28}STATE")
    for k in keys:
        typer.echo(
            f"{k.id:<14}{k.project:<24}{','.join(k.scopes):<14}{k.created_at:<28}{'revoked ' + k.revoked_at if k.revoked_at else 'active'}"
        )


@keys_app.command("revoke")
def keys_revoke(
    data: Data, key_id: Annotated[str, typer.Argument(help="The key's ID, from `spanledger keys list`.")]
) -> None:
    """Refuse a key from now on. A running collector obeys at once."""
    key = Keys(data / "keys.json").revoke(key_id, datetime.now(UTC))
    typer.echo(f"Key {key.id} of project {key.project} is revoked, in {data}.")


def run() -> None:
    """Run the command line; an expected failure is a line on standard error for each thing that is wrong, and exit code 1."""
    try:
        set_up_logging(LogFormat.TEXT, _log_level())
        app()
    except CollectorError as error:
        for line in str(error).splitlines():
            typer.echo(f"spanledger: {line}", err=True)
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"spanledger: {where}{error.strerror or error}", err=True)
        sys.exit(1)


def _log_level() -> str:
    level = os.environ.get("SPANLEDGER_LOG_LEVEL", "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        raise StartError(f"SPANLEDGER_LOG_LEVEL={level}: say DEBUG, INFO, WARNING or ERROR")
    return level


def _show(objectives: bytes) -> None:
    if not objectives:
        typer.echo(
            "No SLOs or budgets are in force, or this key sees none: start with --config to have some.", err=True
        )
    sys.stdout.buffer.write(objectives)


def _origin(text: str) -> str:
    """One site. A wildcard is none: where no key is needed, it would let every page that is open on this machine read everything."""
    if not re.fullmatch(r"https?://[^/\s*?#@]+", text):
        raise typer.BadParameter(f"{text!r} is not an origin: https://host or https://host:port, one each")
    return text


def _retention(entry: str) -> tuple[str, int]:
    table, _, days = entry.partition("=")
    if not days.isdecimal():
        raise typer.BadParameter(f"{entry}: say TABLE=DAYS, for example spans=14", param_hint="--keep")
    return table, int(days)
