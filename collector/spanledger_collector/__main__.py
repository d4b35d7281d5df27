"""`python -m spanledger_collector`, and the `spanledger` command."""

from __future__ import annotations

import importlib.util
import runpy
import sys


def main() -> None:
    """Run the command line, or say how to install it."""
    if sys.argv[1:2] == ["doctor"] and "--app" in sys.argv:
        # The SDK's own, which is all that an app's environment has. It is a program of another room, not a part of this one.
        runpy.run_module("spanledger", run_name="__main__")
        return
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
