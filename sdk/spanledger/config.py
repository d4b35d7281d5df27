"""What `instrument()` was told, by arguments and by the environment: read once, then frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from spanledger.redaction import Redactor

T = TypeVar("T")

Spans = Literal["genai", "all"]

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
DISK_QUEUE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the rest of the package needs to know; durations in seconds."""

    endpoint: str
    """Full URL that requests are posted to."""
    headers: Mapping[str, str]
    timeout: float
    """Longest wait for one request."""
    gzip: bool
    verify: bool | str
    """`False` never; a path is the CA bundle to trust."""
    certificate: str | tuple[str, str] | None
    """The client's own certificate, or certificate and key."""
    resource: Mapping[str, str]
    """Resource attributes given as arguments."""
    spans: Spans
    stream_usage: bool
    queue_size: int
    """Spans."""
    batch_size: int
    """Spans a request at most."""
    delay: float
    """Longest time a span waits for others to fill its request."""
    redactor: Redactor | None
    """Takes keys, addresses and numbers out of what was said; None: what was said does not leave the process."""
    disk_queue: Path | None
    """Folder for what cannot be sent; None for no disk queue."""
    disk_queue_bytes: int
    sigterm: bool
    """Whether SIGTERM sends what is queued first."""
    notes: tuple[str, ...]
    """What in the environment was not understood or not used."""


def read_config(
    environ: Mapping[str, str],
    *,
    endpoint: str | None = None,
    api_key: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    spans: str | None = None,
    stream_usage: bool | None = None,
    disk_queue: str | PathLike[str] | None = None,
    disk_queue_bytes: int | None = None,
    sigterm: bool | None = None,
    capture_content: bool | None = None,
    redact: Mapping[str, str] | None = None,
) -> Config:
    """An argument wins over `SPANLEDGER_*`, and that over `OTEL_*`.

    A wrong argument raises ValueError; a wrong environment variable never does, it is noted and its default used.
    """
    if spans is not None and spans not in ("genai", "all"):
        raise ValueError(f'spans is "genai" or "all", not {spans!r}')
    if endpoint is not None and not _is_http(endpoint):
        raise ValueError(f"endpoint is an http or https URL, not {endpoint!r}")
    if disk_queue_bytes is not None and disk_queue_bytes <= 0:
        raise ValueError(f"disk_queue_bytes is a positive number, not {disk_queue_bytes}")
    env = _Environment(environ)
    url, from_otel = _endpoint(env, endpoint)
    headers = _headers(env, api_key, from_otel)
    captures = env.read("SPANLEDGER_CAPTURE_CONTENT", _bool, False) if capture_content is None else capture_content
    # a wrong pattern is said at once, whether it is needed now or not; an app that has none does not pay for ours
    redactor = Redactor(redact) if captures or redact else None
    queue_size = env.read("OTEL_BSP_MAX_QUEUE_SIZE", _positive_int, 2048)
    resource = {"service.name": service, "deployment.environment.name": environment}
    certificate = env.first("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
    key = env.first("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY")
    return Config(
        endpoint=url,
        headers=headers,
        timeout=min(
            env.read(
                "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
                _positive,
                env.read("OTEL_EXPORTER_OTLP_TIMEOUT", _positive, 10.0),
            ),
            env.read("OTEL_BSP_EXPORT_TIMEOUT", _positive, 30_000.0) / 1000,
        ),
        gzip=env.first("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION") == "gzip",
        verify=env.first("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE") or True,
        certificate=(certificate, key) if certificate and key else certificate or None,
        resource={name: value for name, value in resource.items() if value},
        spans=cast(Spans, spans or env.read("SPANLEDGER_SPANS", _spans, "genai")),
        stream_usage=env.read("SPANLEDGER_STREAM_USAGE", _bool, True) if stream_usage is None else stream_usage,
        queue_size=queue_size,
        batch_size=min(env.read("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _positive_int, 512), queue_size),
        delay=env.read("OTEL_BSP_SCHEDULE_DELAY", _positive, 1000.0) / 1000,
        redactor=redactor if captures else None,
        disk_queue=Path(folder) if (folder := disk_queue or env.first("SPANLEDGER_DISK_QUEUE")) else None,
        disk_queue_bytes=disk_queue_bytes or env.read("SPANLEDGER_DISK_QUEUE_BYTES", _positive_int, DISK_QUEUE_BYTES),
        sigterm=env.read("SPANLEDGER_SIGTERM", _bool, False) if sigterm is None else sigterm,
        notes=tuple(env.notes),
    )


class _Environment:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.notes: list[str] = []

    def first(self, *names: str) -> str:
        return next((value for name in names if (value := self._environ.get(name, "").strip())), "")

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self.first(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.notes.append(f"{name}={text} is ignored: {error}")
            return default


def _endpoint(env: _Environment, argument: str | None) -> tuple[str, bool]:
    """The URL to post to, and whether OpenTelemetry's own variables chose it."""
    if own := argument or env.read("SPANLEDGER_ENDPOINT", _url, ""):
        return _traces(own), False
    if env.first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
        env.notes.append(
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: that endpoint is not used, spanledger speaks OTLP over HTTP"
        )
        return _traces(DEFAULT_ENDPOINT), False
    if exact := env.read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", _url, ""):
        return exact, True
    if base := env.read("OTEL_EXPORTER_OTLP_ENDPOINT", _url, ""):
        return f"{base.rstrip('/')}/v1/traces", True
    return _traces(DEFAULT_ENDPOINT), True


def _traces(base: str) -> str:
    base = base.rstrip("/")
    return base if base.endswith("/v1/traces") else f"{base}/v1/traces"


def _headers(env: _Environment, api_key: str | None, from_otel: bool) -> dict[str, str]:
    headers: dict[str, str] = {}
    # OTEL_EXPORTER_OTLP_HEADERS often holds the key of another vendor: it goes only where the OTEL_* variables point.
    if from_otel:
        text = env.first("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
        headers.update(parse_env_headers(text, liberal=True))
    if key := api_key or env.first("SPANLEDGER_API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    return headers


def _is_http(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _url(text: str) -> str:
    if not _is_http(text):
        raise ValueError("not an http or https URL")
    return text


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("not a positive number")
    return number


def _positive_int(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError("not a positive whole number")
    return number


def _bool(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("not true or false")


def _spans(text: str) -> str:
    if text not in ("genai", "all"):
        raise ValueError('not "genai" or "all"')
    return text
