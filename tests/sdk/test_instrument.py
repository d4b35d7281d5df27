"""What `instrument()` sets up, and says."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import openai
import pytest
import spanledger
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import MESSAGES, OPENAI_MODEL, Receiver, Run, Server
from spanledger.catalogue import LIBRARIES
from spanledger.report import State
from spanledger.stats import Loss


def test_nine_public_names_and_no_more() -> None:
    names = ["JsonFormatter", "Report", "Stats", "attribute", "flush", "instrument", "record_call", "shutdown", "stats"]
    assert sorted(spanledger.__all__) == names


def test_importing_it_loads_neither_the_sdk_nor_a_client_library_nor_prices(run: Run) -> None:
    heavy = ["opentelemetry.sdk", "openai", "anthropic", "genai_prices", "requests", "pydantic"]
    assert run(f"answer([name for name in {heavy} if name in sys.modules])") == []


def test_one_line_in_an_app_without_opentelemetry_is_enough(run: Run, collector: Receiver) -> None:
    report = run(
        """
        report = spanledger.instrument()
        chat()
        answer(str(report))
        """,
        OTEL_SERVICE_NAME="shop",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=production",
    )
    [call] = collector.calls()
    assert call.resource["service.name"] == "shop"
    assert call.resource["deployment.environment.name"] == "production"
    lines = report.splitlines()
    assert lines[0] == f"spanledger is on, spans go to {collector.url}/v1/traces"
    assert lines[1].split() == ["service", "shop"]
    assert lines[2].split(maxsplit=1) == ["provider", "a new TracerProvider, now the global one"]
    assert any("traced by opentelemetry-instrumentation-genai-openai" in line for line in lines)
    assert any("traced by anthropic itself" in line for line in lines)


def test_it_joins_the_apps_provider(app: TracerProvider, collector: Receiver, client: openai.OpenAI) -> None:
    report = spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert report.provider == "the app's own TracerProvider"
    assert spanledger.flush()
    assert len(collector.calls()) == 1


def test_arguments_name_the_service_even_where_the_apps_resource_does(
    collector: Receiver, client: openai.OpenAI
) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "theirs", "kept": "yes"}), shutdown_on_exit=False)
    report = spanledger.instrument(
        endpoint=collector.url, tracer_provider=provider, service="ours", environment="staging"
    )
    client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert report.service == "ours"
    assert spanledger.flush()
    resource = collector.calls()[0].resource
    assert (resource["service.name"], resource["deployment.environment.name"], resource["kept"]) == (
        "ours",
        "staging",
        "yes",
    )


def test_a_second_call_changes_nothing(app: TracerProvider, collector: Receiver, client: openai.OpenAI) -> None:
    first = spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    assert spanledger.instrument(endpoint="http://elsewhere.example:4318") is first
    client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert spanledger.flush()
    assert len(collector.calls()) == 1


def test_it_can_be_undone_and_done_again(app: TracerProvider, collector: Receiver, client: openai.OpenAI) -> None:
    for _ in range(2):
        spanledger.instrument(endpoint=collector.url, tracer_provider=app)
        client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
        assert spanledger.shutdown()
        client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert len(collector.calls()) == 2


def test_a_call_that_the_app_already_traces_keeps_its_one_span(
    app: TracerProvider, collector: Receiver, client: openai.OpenAI
) -> None:
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=app)
    try:
        report = spanledger.instrument(endpoint=collector.url, tracer_provider=app)
        client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
        chunks = list(client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES, stream=True))
        assert spanledger.flush()
        assert len(chunks) == 3
        assert ["gen_ai.usage.cost.amount" in call.attributes for call in collector.calls()] == [True, True]
        assert report.libraries[0].state is State.ALREADY_TRACED
        assert report.libraries[0].by.startswith("opentelemetry.instrumentation.genai.openai")
        spanledger.shutdown()
        assert OpenAIInstrumentor().is_instrumented_by_opentelemetry
    finally:
        OpenAIInstrumentor().uninstrument()


WRAPPED = """
    import openai, types
    foreign = types.ModuleType("{module}")
    vars(foreign)["wraps"] = __import__("functools").wraps
    exec("def wrap(f):\\n  @wraps(f)\\n  def w(*a, **k): return f(*a, **k)\\n  return w", vars(foreign))
    {target} = foreign.wrap({target})
    library = spanledger.instrument().libraries[0]
    answer([library.state, library.by.partition(" ")[0]])
"""


@pytest.mark.parametrize("target", ["openai.OpenAI.request", "openai.resources.chat.completions.Completions.create"])
def test_another_dialects_wrapper_is_found_wherever_it_wraps(run: Run, target: str) -> None:
    state = run(WRAPPED.format(module="openinference.instrumentation.openai", target=target))
    assert state == ["already traced", "openinference.instrumentation.openai"]


def test_a_wrapper_that_makes_no_opentelemetry_spans_is_no_obstacle(run: Run) -> None:
    target = "openai.resources.chat.completions.Completions.create"
    state = run(WRAPPED.format(module="sentry_sdk.integrations.openai", target=target))
    assert state == ["traced", "opentelemetry-instrumentation-genai-openai"]


def test_a_missing_instrumentor_is_reported_with_what_to_install(run: Run) -> None:
    line = run(
        """
        sys.modules["opentelemetry.instrumentation.genai.openai"] = None
        answer(str(spanledger.instrument().libraries[0]))
        """
    )
    assert line.endswith("not traced: its instrumentor is missing, pip install 'spanledger[openai]'")


def test_a_library_that_is_not_installed_is_reported_so_and_one_not_in_use_is_not_loaded(run: Run) -> None:
    reason, loaded = run(
        """
        import importlib.util
        real = importlib.util.find_spec
        importlib.util.find_spec = lambda name, package=None: None if name == "openai" else real(name, package)
        report = spanledger.instrument()
        answer([report.libraries[0].reason, "anthropic" in sys.modules])
        """
    )
    assert reason == "not installed"
    assert not loaded


def test_native_tracing_that_is_turned_off_is_reported(run: Run) -> None:
    line = run("answer(str(spanledger.instrument().libraries[1]))", ANTHROPIC_OPEN_TELEMETRY="false")
    assert line.endswith("not traced: ANTHROPIC_OPEN_TELEMETRY=false turns its own tracing off")


def test_the_standard_off_switch_turns_it_off(run: Run, collector: Receiver) -> None:
    said = run(
        """
        report = spanledger.instrument()
        chat()
        spanledger.flush()
        answer([str(report), report.enabled])
        """,
        OTEL_SDK_DISABLED="true",
    )
    assert said == ["spanledger is off: OTEL_SDK_DISABLED=true", False]
    assert collector.posts == []


def test_a_provider_that_takes_no_processor_is_left_alone_and_calls_arrive_all_the_same(
    run: Run, collector: Receiver
) -> None:
    provider = run(
        """
        from opentelemetry import trace
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        report = spanledger.instrument()
        chat()
        answer(report.provider)
        """
    )
    assert provider == "a new TracerProvider beside NoOpTracerProvider, which takes no span processor"
    assert len(collector.calls()) == 1


def test_a_wrong_argument_is_an_error_and_leaves_nothing_behind(app: TracerProvider) -> None:
    with pytest.raises(ValueError, match='spans is "genai" or "all"'):
        spanledger.instrument(spans="some", tracer_provider=app)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="endpoint is an http or https URL"):
        spanledger.instrument(endpoint="collector:4318", tracer_provider=app)
    assert spanledger.stats() == spanledger.Stats(faults=spanledger.stats().faults)


@pytest.mark.usefixtures("expects_faults")
def test_a_fault_inside_is_kept_from_the_app_counted_and_logged_once(
    app: TracerProvider, collector: Receiver, client: openai.OpenAI, log: Callable[[], list[str]]
) -> None:
    before = spanledger.stats().faults
    # A key that no HTTP header can hold: the transport raises what it never should.
    spanledger.instrument(endpoint=collector.url, api_key="\N{KEY}", tracer_provider=app)
    for _ in range(2):
        assert client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES).id == "chatcmpl-1"
        assert spanledger.flush()
    stats = spanledger.stats()
    assert stats.faults == before + 2
    assert stats.dropped == {Loss.FAULT: 2}
    assert len(log()) <= 1


def test_a_library_is_not_imported_for_the_app_and_is_traced_once_the_app_imports_it(
    run: Run, collector: Receiver
) -> None:
    line, loaded = run(
        """
        report = spanledger.instrument()
        loaded = "openai" in sys.modules
        chat()
        answer([str(report.libraries[0]), loaded])
        """
    )
    assert line.endswith(": once it is imported")
    assert not loaded
    assert len(collector.calls()) == 1


def test_one_that_is_imported_after_shutdown_is_left_alone(run: Run, collector: Receiver) -> None:
    run("spanledger.instrument(); spanledger.shutdown(); chat()")
    assert collector.calls() == []


def test_mistral_traces_itself_when_asked_and_what_was_said_stays_here(
    run: Run, collector: Receiver, provider: Server
) -> None:
    switches = run(
        """
        from mistralai.client import Mistral
        report = spanledger.instrument()
        switches = [os.environ["MISTRAL_SDK_TELEMETRY"]]
        client = Mistral(api_key="k", server_url=os.environ["PROVIDER"] + "/mistral")
        client.chat.complete(model="mistral-large-latest", messages=[{"role": "user", "content": "the secret prompt"}])
        spanledger.shutdown()
        answer([*switches, os.environ.get("MISTRAL_SDK_TELEMETRY")])
        """
    )
    assert switches == ["global", None]
    [call] = collector.calls()
    assert call.attributes["gen_ai.usage.input_tokens"] == 1200
    assert not any(b"secret" in post.body for post in collector.posts)


def test_mistral_is_not_overruled(run: Run) -> None:
    said = run(
        "answer([str(one) for one in spanledger.instrument().libraries if one.name == 'mistralai'])",
        MISTRAL_SDK_TELEMETRY="dedicated",
    )
    assert said[0].endswith("not traced: MISTRAL_SDK_TELEMETRY=dedicated turns its own tracing off")


def test_every_library_has_an_extra_of_its_own() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {library.extra for library in LIBRARIES} <= project["optional-dependencies"].keys()
    assert len(project["dependencies"]) <= 6
