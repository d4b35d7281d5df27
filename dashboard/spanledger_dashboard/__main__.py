"""`python -m spanledger_dashboard`: the dashboard on its own port, with our theme and none of Streamlit's chrome."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from streamlit.web import cli

from spanledger_dashboard.palette import DARK, LIGHT, Palette

SETTINGS = {
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "global.showWarningOnDirectExecution": "false",
    "runner.magicEnabled": "false",
    "server.fileWatcherType": "none",
    "server.headless": "true",
    "server.runOnSave": "false",
    "theme.baseRadius": "10px",
}


def theme(name: str, palette: Palette) -> dict[str, str]:
    return {
        f"theme.{name}.primaryColor": palette.accent,
        f"theme.{name}.backgroundColor": palette.page,
        f"theme.{name}.secondaryBackgroundColor": palette.panel,
        f"theme.{name}.textColor": palette.text,
        f"theme.{name}.borderColor": palette.line,
        f"theme.{name}.sidebar.backgroundColor": palette.panel,
        f"theme.{name}.sidebar.secondaryBackgroundColor": palette.page,
    }


def arguments(host: str, port: int) -> list[str]:
    """What `streamlit` is called with."""
    settings = SETTINGS | theme("light", LIGHT) | theme("dark", DARK)
    settings |= {"server.address": host, "server.port": str(port)}
    page = Path(__file__).parent / "app.py"
    return ["run", str(page), *(f"--{name}={value}" for name, value in settings.items())]


def main(argv: Sequence[str] | None = None) -> None:
    """Serves the dashboard until it is stopped. Exits with a message if the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m spanledger_dashboard",
        description="The spanledger dashboard. It reads a store named by SPANLEDGER_CLICKHOUSE_DSN (default "
        "http://127.0.0.1:8123), with the key in SPANLEDGER_READ_KEY where the store asks for one.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8501, help="port to listen on (default %(default)s)")
    given = parser.parse_args(argv)
    sys.argv = ["streamlit", *arguments(given.host, given.port)]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
