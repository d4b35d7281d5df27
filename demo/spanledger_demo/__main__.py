"""`python -m spanledger_demo`: the demo. `python -m spanledger_demo fit TRACE.csv`: its profile, fitted anew."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from rich.console import Console

from spanledger_demo.demo import DemoError, Options, run
from spanledger_demo.profile import COMMITTED, Profile


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["fit"]:
        return _fit(arguments[1:])
    options = options_of(arguments)
    console = Console()
    try:
        run(options, options.platform(), console)
    except DemoError as error:
        console.print(f"demo: {error}", style="red", highlight=False)
        return error.code
    return 0


def options_of(arguments: list[str]) -> Options:
    """What the command line says. Ends the process where it says what cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m spanledger_demo",
        description="Starts spanledger, posts a month of history, and sends live traffic until Ctrl-C. "
        'With make, options go into ARGS: make demo ARGS="--otlp-port 14318".',
        epilog="`python -m spanledger_demo fit TRACE.csv` fits profile.yaml anew.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path(".data/demo"), metavar="DIR", help="where all data goes")
    parser.add_argument("--otlp-port", type=_port, default=Options.otlp_port, metavar="PORT", help="OTLP/HTTP")
    parser.add_argument("--grpc-port", type=_port, default=Options.grpc_port, metavar="PORT", help="OTLP/gRPC")
    parser.add_argument(
        "--clickhouse-port", type=_port, default=Options.clickhouse_port, metavar="PORT", help="read-only SQL"
    )
    parser.add_argument(
        "--dashboard-port", type=_port, default=Options.dashboard_port, metavar="PORT", help="the dashboard"
    )
    parser.add_argument(
        "--history-calls", type=_number, default=Options.history_calls, metavar="N", help="about so many"
    )
    parser.add_argument("--days", type=_above_0, default=Options.days, metavar="DAYS", help="how far it goes back")
    parser.add_argument("--rate", type=_above_0, default=Options.rate, metavar="N", help="live requests a second")
    parser.add_argument("--seed", type=int, default=Options.seed, metavar="N", help="another seed, another history")
    parser.add_argument("--no-history", action="store_true", help="only live traffic")
    parser.add_argument(
        "--no-live",
        action="store_true",
        help="only history; then spanledger runs on until Ctrl-C, without live traffic",
    )
    given = parser.parse_args(arguments)
    return Options(
        data=given.data,
        otlp_port=given.otlp_port,
        grpc_port=given.grpc_port,
        clickhouse_port=given.clickhouse_port,
        dashboard_port=given.dashboard_port,
        history_calls=0 if given.no_history else given.history_calls,
        days=given.days,
        rate=0 if given.no_live else given.rate,
        seed=given.seed,
    )


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port: there are 1 to 65535")
    return port


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few: 1 at least, or leave history out with --no-history")
    return number


def _above_0(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0; --no-history and --no-live leave a part out")
    return number


def _fit(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m spanledger_demo fit")
    parser.add_argument("trace", type=Path, help="CSV with TIMESTAMP, ContextTokens, GeneratedTokens")
    parser.add_argument("--out", type=Path, default=COMMITTED)
    given = parser.parse_args(arguments)
    try:
        profile = Profile.fit(given.trace)
    except (OSError, KeyError, ValueError) as error:
        print(f"demo fit: {given.trace}: {error}", file=sys.stderr)
        return 1
    given.out.write_text(profile.to_yaml())
    print(f"{given.out}: fitted to {profile.requests:,} requests")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
