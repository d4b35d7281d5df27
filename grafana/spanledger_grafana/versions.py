"""The versions that the boards are made for: `grafana/versions.env`, which Compose reads too."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1]
PINNED = dict(
    line.split("=", 1)
    for line in (FOLDER / "versions.env").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
GRAFANA = PINNED["GRAFANA_IMAGE"].rpartition(":")[2]
CLICKHOUSE_PLUGIN = PINNED["GRAFANA_CLICKHOUSE_PLUGIN_VERSION"]
SCHEMA = 42
"""Of the boards' JSON, as Grafana numbers it."""
