"""Where messages go: any service that apprise knows. The only file that knows apprise.

Of apprise's services, some keep incidents: they get one message an alert, with the incident's key, and its resolve. The others are
read by people: they get one message for all that one evaluation found.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import quote, urlencode

import apprise
from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP, NotifyOpsgenie

from spanledger_collector.alerts import opsgenie
from spanledger_collector.alerts.messages import Message, Writer
from spanledger_collector.alerts.state import Kind, Notice, Recipient, Severity
from spanledger_collector.errors import RetryableError, StartError

logging.getLogger("apprise").propagate = False  # what goes wrong is said once, by us

_TYPES = {
    (Kind.FIRING, Severity.PAGE): apprise.NotifyType.FAILURE,
    (Kind.FIRING, Severity.TICKET): apprise.NotifyType.WARNING,
    (Kind.NO_DATA, Severity.TICKET): apprise.NotifyType.WARNING,
}
# Under whose name they arrive, without apprise's pictures.
_ASSET = apprise.AppriseAsset(
    app_id="spanledger",
    app_desc="spanledger alerts",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    async_mode=False,
)
_INCIDENTS = ("pagerduty", "opsgenie")
_WEBHOOKS = ("json", "jsons", "form", "forms", "xml", "xmls")


def _overflow(service: str) -> str:
    """What becomes of a message that is longer than `service` takes. apprise's default has it refused, at every try."""
    if service in _INCIDENTS:
        return "truncate"
    return "" if service in _WEBHOOKS else "split"  # a program gets it whole


class Channel(Recipient, Protocol):
    """Where messages go."""

    def send(self, notices: Sequence[Notice], at: datetime) -> None:
        """Deliver `notices`; again with the same keys where they are sent again. Raises RetryableError, saying why not."""


@dataclass(frozen=True)
class AppriseChannel:
    """A channel by its apprise URL. Raises StartError, when it is made, for a URL that apprise does not understand."""

    name: str
    url: str
    writer: Writer
    severities: frozenset[Severity] = frozenset(Severity)
    resend: None = None

    def __post_init__(self) -> None:
        if apprise.Apprise.instantiate(self.url) is None:
            service, separator, _ = self.url.partition("://")
            shown = f" ({service}://…)" if separator else ""  # else it is all secret
            raise StartError(
                f"channel {self.name}: its URL{shown} is none that apprise understands: "
                f"https://appriseit.com/services/ has the form of each service"
            )

    def send(self, notices: Sequence[Notice], at: datetime) -> None:
        service = self.url.partition("://")[0].lower()
        if service not in _INCIDENTS:
            message = self.writer.write(notices, at)
            # beside apprise's own fields, what a program needs to tell retries and resolves
            extra = {":dedup_key": message.key, ":status": str(message.kind), ":severity": str(message.severity)}
            self._notify(message, extra if service in _WEBHOOKS else {})
            return
        for notice in notices:
            message = self.writer.write([notice], at)
            if service == "pagerduty":
                links = self.writer.links(notice, at)
                # quoted once more: apprise reads the text of a detail as if it were still part of a URL
                details = {f"+{name.lower()}": quote(text) for name, text in links.items()}
                self._notify(message, {"dedup": message.key, "action": "map", **details})
            elif message.kind is Kind.RESOLVED:
                self._close_in_opsgenie(message)
            else:
                self._notify(message, {"alias": message.key, "action": "new"})

    def _notify(self, message: Message, extra: dict[str, str]) -> None:
        address, _, options = self.url.partition("?")
        if "overflow=" not in options.lower() and (overflow := _overflow(address.partition("://")[0].lower())):
            extra = {**extra, "overflow": overflow}
        url = "?".join((address, "&".join(part for part in (options, urlencode(extra, quote_via=quote)) if part)))
        # one of its own for each message: apprise makes a service that was just used wait
        sender = apprise.Apprise(asset=_ASSET)
        sender.add(url)
        notify_type = _TYPES.get((message.kind, message.severity), apprise.NotifyType.SUCCESS)
        result = sender.notify(
            body=message.body, title=message.title, notify_type=notify_type, body_format=apprise.NotifyFormat.TEXT.value
        )
        if not result:
            said = "; ".join(entry.message for entry in result.logs())
            raise RetryableError(said or "the service did not take the message")

    def _close_in_opsgenie(self, message: Message) -> None:
        # apprise closes by what it remembers of this process, and takes a request's id for the alert's
        service = apprise.Apprise.instantiate(self.url)
        assert isinstance(service, NotifyOpsgenie) and service.region_name is not None
        opsgenie.close(OPSGENIE_API_LOOKUP[service.region_name], service.apikey, message.key, message.body)
