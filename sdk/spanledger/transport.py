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
_GZIP = b"\x1f\x8b"
"""How gzip begins, and no OTLP request: what waited on disk may have been packed under another setting."""
_LONGEST_ANSWER = 65_536


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
    by_settings: bool = False
    """Whether it is the key or the address that is refused, and not the bytes."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Not in one request: less of it at a time may be taken."""

    reason: str


Outcome = Delivered | Retry | Refused | TooLarge


class Transport:
    """Posts bodies to one endpoint on one kept-alive connection. Used by one thread at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._session: requests.Session | None = None
        self.date = ""
        """`Date` of the last answer: the collector's clock."""

    def pack(self, body: bytes) -> bytes:
        """The bytes to post. They are made once a request: a retry must repeat them exactly, gzip's clock included."""
        return gzip.compress(body) if self._config.gzip else body

    def post(self, packed: bytes) -> Outcome:
        """One attempt, of `config.timeout` seconds at most."""
        if self._session is None:
            self._session = self._open()
        try:
            with suppress_instrumentation():
                status, retry_after = self._answer(self._session, packed)
        except (requests.ConnectionError, requests.Timeout) as error:
            return Retry(type(error).__name__)
        except requests.RequestException as error:
            return Refused(f"{type(error).__name__}: {error}")
        if 200 <= status < 300:
            return Delivered()
        reason = f"HTTP {status}"
        if status in _RETRYABLE:
            return Retry(reason, _seconds(retry_after))
        if status == 413:
            return TooLarge(reason)
        if status in (401, 403):
            return Refused(f"{reason}: check SPANLEDGER_API_KEY", by_settings=True)
        if status < 400 or status in (404, 405):
            return Refused(f"{reason}: check SPANLEDGER_ENDPOINT", by_settings=True)
        return Refused(reason)

    def _answer(self, session: requests.Session, packed: bytes) -> tuple[int, str | None]:
        """Status and `Retry-After`. A redirect is not followed: it would turn the POST into a GET, and that into a page."""
        headers = {"Content-Encoding": "gzip"} if packed.startswith(_GZIP) else None
        with session.post(
            self._config.endpoint,
            data=packed,
            headers=headers,
            timeout=self._config.timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            self.date = response.headers.get("Date", "")
            # A short answer is read, so that the connection can serve again; one without an end is not waited for.
            size = response.headers.get("Content-Length", "")
            if size.isdecimal() and int(size) <= _LONGEST_ANSWER:
                response.raw.read(int(size))
            return response.status_code, response.headers.get("Retry-After")

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> requests.Session:
        session = requests.Session()
        session.headers.update(self._config.headers)
        session.headers["Content-Type"] = "application/x-protobuf"
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
