from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider

from sdk import loopback


@pytest.fixture(autouse=True)
def no_fault_inside_the_sdk(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault that the SDK keeps from the app must not be kept from us."""
    before = spanledger.stats().faults
    yield
    spanledger.shutdown()
    assert spanledger.stats().faults == before or "expects_faults" in request.fixturenames


@pytest.fixture
def expects_faults() -> None:
    """For a test that is about such a fault."""


@pytest.fixture
def collector() -> Iterator[loopback.Receiver]:
    receiver = loopback.Receiver()
    with receiver.running():
        yield receiver


@pytest.fixture
def provider() -> Iterator[loopback.Server]:
    server = loopback.provider()
    with server.running():
        yield server


@pytest.fixture
def app() -> Iterator[TracerProvider]:
    """The app's own OpenTelemetry."""
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    yield tracer_provider
    tracer_provider.shutdown()


@pytest.fixture
def client(provider: loopback.Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(provider: loopback.Server, app: TracerProvider) -> Iterator[anthropic.Anthropic]:
    options: Any = {"tracer_provider": app}
    with anthropic.Anthropic(base_url=provider.url, api_key="k", max_retries=0, open_telemetry=options) as client:
        yield client


@pytest.fixture
def run(collector: loopback.Receiver, provider: loopback.Server) -> loopback.Run:
    """Runs a script as an app of its own, and gives what it passed to `answer()`.

    Instrumentation and the global TracerProvider belong to a process, so what is about those needs one.
    """

    def run_script(script: str, **environ: str) -> Any:
        prelude = """
            import json, os, sys, spanledger
            def answer(value): print("ANSWER" + json.dumps(value))
            def openai_client():
                import openai
                return openai.OpenAI(base_url=os.environ["PROVIDER"] + "/v1", api_key="k", max_retries=0)
            def chat():
                messages = [{"role": "user", "content": "hi"}]
                return openai_client().chat.completions.create(model="gpt-4o", messages=messages)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(script)],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANLEDGER_"))},
                "PROVIDER": provider.url,
                "SPANLEDGER_ENDPOINT": collector.url,
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
        return json.loads(answers[-1].removeprefix("ANSWER")) if answers else None

    return run_script


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, logger="spanledger")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "spanledger"]
