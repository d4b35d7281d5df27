"""What docs/alerts.md says can be done."""

from __future__ import annotations

import re
from pathlib import Path

import apprise
import pytest
from spanledger_collector.alerts.assembly import channels_of
from spanledger_collector.alerts.state import NAMES
from spanledger_collector.config import load

DOCS = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
URLS = re.findall(r"`((?:pagerduty|opsgenie|json|slack|workflows|mailto)://[^`]+)`", DOCS)


def test_the_configuration_of_the_docs_is_one(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
    (tmp_path / "spanledger.yaml").write_text(example)
    config = load(tmp_path / "spanledger.yaml", {"PAGERDUTY_URL": "pagerduty://integration@key"})
    assert [channel.name for channel in channels_of(config.alerting)] == ["on-call", "team", "am"]
    assert config.alerting.heartbeat is not None


@pytest.mark.parametrize("url", URLS)
def test_the_addresses_of_the_docs_are_understood(url: str) -> None:
    assert apprise.Apprise.instantiate(re.sub("<([^>]+)>", lambda found: found[1].replace(" ", "") + "0" * 9, url))


def test_every_alert_that_there_is_is_in_the_docs() -> None:
    source = Path(__file__).parents[3] / "collector" / "spanledger_collector" / "alerts"
    named = {
        name for path in source.glob("*.py") for name in re.findall(r'Alert\(\s*"([a-z-]+)"', path.read_text("utf-8"))
    }
    assert named - {"test"} == set(NAMES)
    assert {name for name in named - {"test"} if f"| `{name}` |" not in DOCS} == set()
