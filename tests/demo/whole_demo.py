"""Run by a test: the demo with another command in place of `spanledger up`. `whole_demo.py PORT DATA COMMAND…`"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from spanledger_demo.demo import DemoError, Options, run

if __name__ == "__main__":
    port, data, *command = sys.argv[1:]
    options = Options(Path(data), otlp_port=int(port), history_calls=2_000, days=3, rate=10)
    try:
        run(options, [sys.executable, *command], Console(width=100))
    except DemoError as error:
        print(error)
        sys.exit(error.code)
