"""Where the links in messages lead: to the dashboard that the configuration names, or to the platform's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from collector.alerts.incidents import after, notice
from collector.alerts.receiver import Receiver
from spanledger_collector.alerts.messages import Writer
from spanledger_collector.config import Config
from spanledger_collector.platform import Options, Platform


def told(data: Path, server: Receiver, dashboard_port: int | None, **alerting: Any) -> tuple[str, str | None]:
    """What a platform's channel is told of a price book that is a month old, and where its dashboard is."""
    channel = {"name": "hook", "url": f"json://{server.address}"}
    config = Config.model_validate({"alerting": {"channels": [channel], **alerting}})
    platform = Platform(
        Options(
            data=data,
            otlp_port=0,
            grpc_port=None,
            clickhouse_port=0,
            dashboard_port=dashboard_port,
            config=config,
            alerts_every=None,
        )
    )
    platform.alerts.evaluate(datetime.now(UTC) + timedelta(days=30))
    platform.alerts.wait()
    platform.stop()
    platform.run()  # lets go of all it holds
    [body] = server.bodies
    return body["message"], platform.addresses.dashboard


def test_without_a_configured_dashboard_they_lead_to_the_platforms_own_on_the_port_it_chose(
    data: Path, server: Receiver
) -> None:
    pytest.importorskip("streamlit", reason="without a dashboard there is no link to it")
    message, dashboard = told(data, server, dashboard_port=0)
    assert f"Dashboard: {dashboard}/alerts?" in message and not str(dashboard).endswith(":0")


def test_the_configured_dashboard_is_the_one_they_lead_to(data: Path, server: Receiver) -> None:
    message, _ = told(data, server, dashboard_port=None, dashboard_url="https://ledger.example")
    assert "Dashboard: https://ledger.example/alerts?" in message


def test_where_there_is_no_dashboard_there_is_no_link(data: Path, server: Receiver) -> None:
    message, _ = told(data, server, dashboard_port=None)
    assert "Dashboard:" not in message


def test_a_link_to_an_objectives_page_names_the_objective() -> None:
    [link] = Writer("https://ledger.example").links(notice(), after(0)).values()
    address = urlsplit(link)
    assert address.path == "/reliability" and parse_qs(address.query)["objective"] == ["checkout"]
