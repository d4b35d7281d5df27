"""The rooms of the house: what may import what."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "spanledger": ROOT / "sdk" / "spanledger",
    "spanledger_collector": ROOT / "collector" / "spanledger_collector",
    "spanledger_dashboard": ROOT / "dashboard" / "spanledger_dashboard",
}
# Each outside library is known to one file, or one folder, of a room.
KNOWN_TO = {
    ("spanledger_collector", "fastapi"): {"app.py", "api/app.py"},
    ("spanledger_collector", "prometheus_client"): {"metrics.py"},
    ("spanledger_collector", "genai_prices"): {"pricing.py"},
    ("spanledger_collector", "tenacity"): {"forwarder.py", "alerts/delivery.py"},
    ("spanledger_collector", "yaml"): {"yaml_file.py"},
    ("spanledger_collector", "pydantic"): {"config.py", "price_rules.py"},
    ("spanledger_collector", "google"): {"wire.py"},
    ("spanledger_collector", "grpc"): {"otlp_grpc.py"},
    ("spanledger_collector", "uvicorn"): {"platform.py"},
    ("spanledger_collector", "typer"): {"cli.py", "cli_options.py", "cli_tools.py", "prices_cli.py", "alerts/cli.py"},
    ("spanledger_collector", "apprise"): {"alerts/channels.py"},
    ("spanledger_collector", "chdb"): set(),
    ("spanledger_dashboard", "clickhouse_connect"): {"ask.py"},
    ("spanledger", "genai_prices"): {"pricing.py"},
}


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_no_other_room(room: str) -> None:
    others = ROOMS.keys() - {room}
    for path in ROOMS[room].rglob("*.py"):
        assert not imported(path) & others, path


@pytest.mark.parametrize(("room", "library"), KNOWN_TO)
def test_an_outside_library_is_known_to_one_file_of_a_room(room: str, library: str) -> None:
    knowing = {str(path.relative_to(ROOMS[room])) for path in ROOMS[room].rglob("*.py") if library in imported(path)}
    assert knowing == KNOWN_TO[room, library]


def test_schemas_hold_no_python() -> None:
    assert not list((ROOT / "schemas").rglob("*.py"))


def test_every_setting_of_the_environment_is_in_the_docs() -> None:
    docs = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    readme = "".join(path.read_text(encoding="utf-8") for path in docs)
    used = {
        name
        for room in ROOMS.values()
        for path in room.rglob("*.py")
        for name in re.findall(r"\bSPANLEDGER_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }
    assert {name for name in used if name not in readme} == set()
