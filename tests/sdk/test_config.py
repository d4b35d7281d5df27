"""What the arguments and the environment say."""

from __future__ import annotations

import pytest
from sdk.loopback import Receiver
from spanledger.config import Config, read_config


def config(**environ: str) -> Config:
    return read_config(environ)


def test_the_defaults_need_nothing() -> None:
    read = config()
    assert read.endpoint == "http://127.0.0.1:4318/v1/traces"
    assert (read.spans, read.stream_usage, read.headers, read.notes) == ("genai", True, {}, ())
    assert (read.queue_size, read.batch_size, read.delay, read.timeout) == (2048, 512, 1.0, 10.0)


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318/"}, "http://otel:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://otel:4318/custom"}, "http://otel:4318/custom"),
        (
            {"SPANLEDGER_ENDPOINT": "https://ledger", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel"},
            "https://ledger/v1/traces",
        ),
        ({"SPANLEDGER_ENDPOINT": "https://ledger/v1/traces"}, "https://ledger/v1/traces"),
    ],
)
def test_the_endpoint_is_ours_or_the_standard_one(environ: dict[str, str], endpoint: str) -> None:
    assert read_config(environ).endpoint == endpoint
    assert read_config(environ, endpoint="http://argument:1").endpoint == "http://argument:1/v1/traces"


def test_a_grpc_endpoint_is_not_ours_to_use_and_is_noted() -> None:
    read = config(OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_ENDPOINT="http://otel:4317")
    assert read.endpoint == "http://127.0.0.1:4318/v1/traces"
    assert "grpc" in read.notes[0]


def test_the_headers_of_another_backend_are_sent_to_that_backend_only() -> None:
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "x-vendor-key=secret"}
    assert config(**headers, OTEL_EXPORTER_OTLP_ENDPOINT="http://otel").headers == {"x-vendor-key": "secret"}
    assert config(**headers, SPANLEDGER_ENDPOINT="http://ledger").headers == {}
    assert config(**headers, SPANLEDGER_API_KEY="k").headers["authorization"] == "Bearer k"


def test_what_makes_no_sense_is_noted_and_its_default_used() -> None:
    read = config(OTEL_BSP_MAX_QUEUE_SIZE="many", SPANLEDGER_SPANS="some", SPANLEDGER_STREAM_USAGE="maybe")
    assert (read.queue_size, read.spans, read.stream_usage) == (2048, "genai", True)
    assert sorted(note.partition(" ")[0] for note in read.notes) == [
        "OTEL_BSP_MAX_QUEUE_SIZE=many",
        "SPANLEDGER_SPANS=some",
        "SPANLEDGER_STREAM_USAGE=maybe",
    ]


def test_certificates_compression_and_times_are_the_standard_variables() -> None:
    read = config(
        OTEL_EXPORTER_OTLP_CERTIFICATE="ca.pem",
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="me.pem",
        OTEL_EXPORTER_OTLP_CLIENT_KEY="me.key",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_EXPORTER_OTLP_TIMEOUT="3",
        OTEL_BSP_SCHEDULE_DELAY="250",
        SPANLEDGER_SPANS="all",
        SPANLEDGER_STREAM_USAGE="false",
    )
    assert (read.verify, read.certificate, read.gzip) == ("ca.pem", ("me.pem", "me.key"), True)
    assert (read.timeout, read.delay, read.spans, read.stream_usage) == (3.0, 0.25, "all", False)


def test_a_batch_is_never_larger_than_the_queue() -> None:
    assert config(OTEL_BSP_MAX_QUEUE_SIZE="100").batch_size == 100


def test_a_collector_on_this_machine_is_not_reached_through_a_proxy(
    collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spanledger.transport import Delivered, Transport

    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    transport = Transport(read_config({}, endpoint=collector.url))
    assert transport.post(b"") == Delivered()
    transport.close()
