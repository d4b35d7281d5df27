"""What the boards ask Prometheus: does it parse, and is there such a metric?"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from grafana.northwind import Live
from grafana.reading import BOARDS, Reader, panel_queries

QUERIES = list(panel_queries("prometheus"))
METRIC = re.compile(r"\b(spanledger_\w+|llm_\w+)")


def expressions(live: Live) -> list[str]:
    return [Reader(live.since, live.until).promql(BOARDS[query.board], query.text) for query in QUERIES]


def test_every_metric_that_a_board_asks_for_is_one_that_the_collector_has(live: Live) -> None:
    text = live.platform.http.get("/metrics").text
    there = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    asked = {name for expression in expressions(live) for name in METRIC.findall(expression)}
    assert len(asked) >= 8 and asked <= there
    [variable] = [one for one in BOARDS["collector"]["templating"]["list"] if one["name"] == "instance"]
    assert set(METRIC.findall(variable["query"])) <= there


def test_every_expression_is_one_that_prometheus_reads(live: Live, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: Debian has it in the package prometheus")
    rules = [{"record": f"board:query:{number}", "expr": text} for number, text in enumerate(expressions(live))]
    for text, accepted in ((json.dumps({"groups": [{"name": "boards", "rules": rules}]}), True), (_broken(), False)):
        file = tmp_path / "rules.json"  # JSON is YAML
        file.write_text(text, encoding="utf-8")
        told = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
        assert (told.returncode == 0) == accepted, told.stderr


def _broken() -> str:
    return json.dumps({"groups": [{"name": "boards", "rules": [{"record": "board:query", "expr": "sum(rate("}]}]})


def test_every_expression_is_told_which_collectors_it_is_of() -> None:
    for query in QUERIES:
        assert query.text.count('{instance=~"$instance"}') == len(METRIC.findall(query.text))
