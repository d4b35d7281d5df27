"""Commands that look at a platform from outside: `spanledger doctor | send-test-span | replay`."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Annotated

import typer
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger_collector import doctor as doctors
from spanledger_collector import replay as replays
from spanledger_collector.cli_options import SQL_PORT, ConfigFile, Data, ReadKey, SqlPort, ask
from spanledger_collector.errors import StartError
from spanledger_collector.sender import attributes, request, send

OTLP_PORT = "http://127.0.0.1:4318"
OtlpPort = Annotated[str, typer.Option("--otlp-url", envvar="SPANLEDGER_ENDPOINT", help="The collector's OTLP port.")]
SendKey = Annotated[
    str, typer.Option("--api-key", envvar="SPANLEDGER_API_KEY", help="An API key that may send.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)
    app.command("send-test-span")(send_test_span)
    app.command()(replay)


def doctor(
    data: Data,
    app: Annotated[
        bool, typer.Option("--app", help="Look at the environment of an app instead; needs nothing but the SDK.")
    ] = False,
    config: ConfigFile = None,
    otlp_url: OtlpPort = OTLP_PORT,
    url: SqlPort = SQL_PORT,
    key: ReadKey = "",
) -> None:
    """Say what is wrong, or looks wrong: configuration, data folder, spool, disk, ports, store, clock, price book.

    The exit code is 0 where nothing is wrong, 1 where something is (FAIL; a "warn" is for you to judge).
    """
    del app  # has been served before anything of the server was imported
    failed = False
    for finding in doctors.diagnose(data, config, otlp_url, url, key):
        typer.echo(str(finding))
        failed |= finding.mark == "FAIL"
    raise typer.Exit(int(failed))


def send_test_span(
    otlp_url: OtlpPort = OTLP_PORT,
    api_key: SendKey = "",
    url: SqlPort = SQL_PORT,
    key: ReadKey = "",
    service: Annotated[str, typer.Option(help="The service that it names.")] = "spanledger-test",
    timeout: Annotated[float, typer.Option(min=0, help="Longest wait for it, in seconds.")] = 30.0,
) -> None:
    """Send one span, as an app would, and wait until it is visible in SQL. The exit code is 1 where it is not in time."""
    trace_id, began = random.randbytes(16), time.time_ns()
    span = Span(
        trace_id=trace_id, span_id=random.randbytes(8), name="test span", start_time_unix_nano=began - 1_000_000,
        end_time_unix_nano=began, attributes=attributes({"spanledger.test": 1}),
    )  # fmt: skip
    send(otlp_url, api_key, request(service, "spanledger.test", [span]))
    typer.echo(f"{otlp_url} has acknowledged it: trace {trace_id.hex()}")
    question = f"SELECT count() AS spans FROM spanledger.trace(trace_id='{trace_id.hex()}', project='')"
    while not json.loads(ask(url, key, question, "JSONEachRow"))["spans"]:
        waited = (time.time_ns() - began) / 1e9
        if waited > timeout:
            raise StartError(f"it is not visible at {url} after {waited:.0f} s: `spanledger doctor` may know why")
        time.sleep(0.1)
    typer.echo(f"It is visible after {(time.time_ns() - began) / 1e9:.1f} s.")


def replay(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV: timestamp, context tokens, generated tokens.")
    ],
    speed: Annotated[
        float, typer.Option(min=0, help="Times as fast as recorded; 0 sends all now, dated as recorded and ending now.")
    ] = 1.0,
    model: Annotated[str, typer.Option(help="The model that all calls name.")] = "gpt-4o",
    provider: Annotated[str, typer.Option(help="Its provider.")] = "openai",
    service: Annotated[str, typer.Option(help="The service that calls.")] = "replay",
    tokens_per_second: Annotated[float, typer.Option(min=0.001, help="Of output: the file has no durations.")] = 60.0,
    limit: Annotated[int, typer.Option(min=0, help="Only so many calls; 0 is all.")] = 0,
    otlp_url: OtlpPort = OTLP_PORT,
    api_key: SendKey = "",
) -> None:
    """Replay a recorded load as spans, for example an Azure LLM inference trace: timestamp, context tokens, generated tokens."""
    calls = replays.read(file)
    calls = calls[:limit] if limit else calls
    shape = replays.Shape(service, provider, model, tokens_per_second)
    with typer.progressbar(length=len(calls), label="Calls sent") as progress:
        for sent in replays.replay(calls, shape, speed, lambda body: send(otlp_url, api_key, body)):
            progress.update(sent)
    typer.echo(f"{len(calls):,} calls of {file.name} are sent, {calls[-1].at / 3600:.1f} hours of recorded time.")
