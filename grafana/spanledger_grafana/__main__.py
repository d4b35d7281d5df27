"""Write the boards, or say which are out of date: `python -m spanledger_grafana [--check] [--out FOLDER] [--dashboard-url URL]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from spanledger_grafana import collector_health, efficiency, overview, reliability, spend, variables, versions

BOARDS = (overview, spend, reliability, efficiency, collector_health)


def files(dashboard_url: str = variables.DASHBOARD) -> dict[str, str]:
    """Each file's name and text. The same arguments give the same bytes."""
    documents = [module.board(dashboard_url).json() for module in BOARDS]
    return {
        f"{document['uid'].removeprefix('spanledger-')}.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for document in documents
    }


def main(given: Sequence[str] | None = None) -> int:
    """0 where all is well; 1 where `--check` found a board that is not what the generator makes."""
    parser = argparse.ArgumentParser(prog="spanledger_grafana", description="Grafana boards, from Python.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a board is out of date")
    parser.add_argument("--out", type=Path, default=versions.FOLDER / "boards", help="folder of the boards")
    parser.add_argument("--dashboard-url", default=variables.DASHBOARD, help="of spanledger's pages, for links")
    options = parser.parse_args(given)
    made = files(options.dashboard_url)
    there = {path.name: path.read_text(encoding="utf-8") for path in options.out.glob("*.json")}
    if options.check:
        stale = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
        for name in stale:
            print(f"{options.out / name} is not what the generator makes: run `make boards`", file=sys.stderr)
        return 1 if stale else 0
    options.out.mkdir(parents=True, exist_ok=True)
    for name in there.keys() - made.keys():
        (options.out / name).unlink()
    for name, text in made.items():
        (options.out / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
