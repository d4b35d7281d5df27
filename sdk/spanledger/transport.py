"""One attempt to deliver one request over HTTP; the only file that knows `requests`."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import requests
from opentelemetry.instrumentation.utils import suppress_instrumentation

from spanledger.config import Config

_RETRYABLE = frozenset({408, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Delivered:
    """The collector has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: the same bytes may be taken later."""

    reason: str
    after: float | None = None
    """Seconds that the collector asked us to wait."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: the same bytes will always be answered like this."""

    reason: str


Outcome = Delivered | Retry | Refused


class Transport:
    """Posts bodies to one endpoint on one kept-alive connection. Used by one thread at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._session: requests.Session | None = None

    def pack(self, body: bytes) -> bytes:
        """The bytes to post. They are made once a request: a retry must repeat them exactly, gzip's clock included."""
        return gzip.compress(body) if self._config.gzip else body

    def post(self, packed: bytes) -> Outcome:
        """One attempt, of `config.timeout` seconds at most."""
        if self._session is None:
            self._session = self._open()
        try:
            with suppress_instrumentation():
                response = self._session.post(self._config.endpoint, data=packed, timeout=self._config.timeout)
        except (requests.ConnectionError, requests.Timeout) as error:
            return Retry(type(error).__name__)
        except requests.RequestException as error:
            return Refused(f"{type(error).__name__}: {error}")
        if response.ok:
            return Delivered()
        reason = f"HTTP {response.status_code}"
        if response.status_code in _RETRYABLE:
            return Retry(reason, _seconds(response.headers.get("Retry-After")))
        if response.status_code in (401, 403):
            return Refused(f"{reason}: check SPANLEDGER_API_KEY")
        return Refused(reason)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> requests.Session:
        session = requests.Session()
        session.headers.update(self._config.headers)
        session.headers["Content-Type"] = "application/x-protobuf"
        if self._config.gzip:
            session.headers["Content-Encoding"] = "gzip"
        session.verify = self._config.verify
        session.cert = self._config.certificate
        # A proxy that the environment names for the internet has no business with a collector on this machine.
        session.trust_env = not _is_loopback(self._config.endpoint)
        return session


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is left to our own backoff."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
