"""The evaluator of a platform, put together from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spanledger_collector.alerts.alertmanager import AlertmanagerChannel
from spanledger_collector.alerts.channels import AppriseChannel, Channel
from spanledger_collector.alerts.evaluator import Evaluator
from spanledger_collector.alerts.heartbeat import Heartbeat
from spanledger_collector.alerts.messages import Writer
from spanledger_collector.alerts.objectives import Objectives
from spanledger_collector.alerts.platform_alerts import PlatformAlerts, Thresholds, Vitals
from spanledger_collector.alerts.records import Reader, Records
from spanledger_collector.alerts.silences import Silences
from spanledger_collector.alerts.state import Severity
from spanledger_collector.config import Alerting, Config, Slo

SILENCES = "silences.json"


def channels_of(alerting: Alerting, dashboard: str = "") -> list[Channel]:
    """The channels of the configuration. Raises StartError, naming the channel, for a URL that cannot be used.

    `dashboard`: where links lead to unless the configuration says; with neither, messages have none.
    """
    writer = Writer(alerting.dashboard_url or dashboard)
    made: list[Channel] = []
    for channel in alerting.channels:
        severities = frozenset(map(Severity, channel.severities))
        if channel.alertmanager:
            made.append(AlertmanagerChannel(channel.name, channel.alertmanager, writer, severities))
        else:
            made.append(AppriseChannel(channel.name, channel.url, writer, severities))
    return made


def evaluator_of(
    config: Config, data: Path, client: Reader, vitals: Callable[[], Vitals], dashboard: str = ""
) -> Evaluator:
    """The evaluator of the platform in folder `data`, with its own `dashboard`, if it has one.

    `client` is the evaluator's own handle, closed by the caller after its stop.
    """
    alerting, limits = config.alerting, config.alerting.platform
    thresholds = Thresholds(limits.spool_fill, limits.posting_lag, limits.coverage, limits.price_book_age)
    stated = {
        slo.name: f"{slo.threshold} USD" if slo.indicator == "cost" else str(slo.threshold)
        for slo in config.objectives
        if isinstance(slo, Slo)
    }
    return Evaluator(
        Objectives(client, stated),
        PlatformAlerts(client, vitals, thresholds),
        Records(client),
        Silences(data / SILENCES),
        channels_of(alerting, dashboard),
        Heartbeat(alerting.heartbeat.url, alerting.heartbeat.every) if alerting.heartbeat else None,
    )
