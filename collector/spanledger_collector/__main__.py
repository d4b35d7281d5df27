"""`python -m spanledger_collector`, and the `spanledger` command."""

from __future__ import annotations

import importlib.util
import sys


def main() -> None:
    """Run the command line, or say how to install it."""
    missing = [
        name for name in ("typer", "chdb", "clickhouse_connect", "fastapi") if importlib.util.find_spec(name) is None
    ]
    if missing:
        print("spanledger: the command line comes with the server: pip install 'spanledger[server]'", file=sys.stderr)
        sys.exit(1)
    from spanledger_collector.cli import run

    run()


if __name__ == "__main__":
    main()
