"""`python -m spanledger_demo`: the demo. `python -m spanledger_demo fit TRACE.csv`: its profile, fitted anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from spanledger_demo.demo import DemoError, Options, run
from spanledger_demo.profile import COMMITTED, Profile


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["fit"]:
        return _fit(arguments[1:])
    options = _options(arguments)
    console = Console()
    try:
        run(options, options.platform(), console)
    except DemoError as error:
        console.print(f"demo: {error}", style="red", highlight=False)
        return error.code
    return 0


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m spanledger_demo",
        description="Starts spanledger, posts a month of history, and sends live traffic until Ctrl-C.",
        epilog="`python -m spanledger_demo fit TRACE.csv` fits profile.yaml anew.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path(".data/demo"), metavar="DIR", help="where all data goes")
    parser.add_argument("--otlp-port", type=int, default=Options.otlp_port, metavar="PORT")
    parser.add_argument("--clickhouse-port", type=int, default=Options.clickhouse_port, metavar="PORT")
    parser.add_argument("--dashboard-port", type=int, default=Options.dashboard_port, metavar="PORT")
    parser.add_argument("--history-calls", type=int, default=Options.history_calls, metavar="N", help="about so many")
    parser.add_argument("--days", type=float, default=Options.days, metavar="DAYS", help="how far it goes back")
    parser.add_argument("--rate", type=float, default=Options.rate, metavar="N", help="live requests a second")
    parser.add_argument("--seed", type=int, default=Options.seed, metavar="N", help="another seed, another history")
    parser.add_argument("--no-history", action="store_true", help="only live traffic")
    parser.add_argument("--no-live", action="store_true", help="only history")
    given = parser.parse_args(arguments)
    return Options(
        data=given.data,
        otlp_port=given.otlp_port,
        clickhouse_port=given.clickhouse_port,
        dashboard_port=given.dashboard_port,
        history_calls=0 if given.no_history else given.history_calls,
        days=given.days,
        rate=0 if given.no_live else given.rate,
        seed=given.seed,
    )


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
