"""With capture off no prompt and no completion reaches the disk; with capture on they are in one table, for so long, for those who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from collector.pipeline.otlp import attributes
from collector.rig import Running, Start
from collector.traffic import call, envelope, request
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from spanledger_collector.config import Config, ContentCapture
from spanledger_collector.content import capture
from spanledger_collector.contract import Contract
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.store import Store

CONTRACT = Contract.load()
MARK = "planted-7f3a91c2"
# What the dialects put prompts and completions under, whatever attributes.yaml says.
KNOWN = [
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.args", "gen_ai.prompt", "gen_ai.completion",
    "gen_ai.prompt.0.content", "gen_ai.prompt.12.tool_calls.0.arguments", "gen_ai.completion.0.content", "gen_ai.prompt.variable.q",
    "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", "gen_ai.evaluation.explanation", "gen_ai.event.content",
    "input.value", "output.value", "llm.input_messages.0.message.content", "llm.output_messages.0.message.content",
    "llm.tools.0.tool.json_schema", "llm.prompts.0.prompt.text", "llm.prompt_template.template", "llm.prompt_template.variables",
    "embedding.embeddings.0.embedding.text", "embedding.embeddings.0.embedding.vector", "retrieval.documents.0.document.content",
    "reranker.query", "reranker.input_documents.0.document.content", "tool.parameters", "traceloop.entity.input",
    "traceloop.entity.output", "ai.prompt", "ai.prompt.messages", "ai.prompt.tools", "ai.response.text", "ai.response.toolCalls",
    "ai.response.object", "ai.toolCall.args", "ai.toolCall.result", "ai.value", "ai.values", "ai.embedding",
    "langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output",
    "pydantic_ai.all_messages", "all_messages_events", "final_result", "tool_arguments", "tool_response",
    "model_request_parameters", "request_data", "response_data",
    # of other dialects and versions (tests/golden/documented.yaml has the spans)
    "gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response",
    "gcp.vertex.agent.data", "gcp.gen_ai.operation.config.system_instruction", "genkit:input", "genkit:output", "mlflow.spanInputs",
    "mlflow.spanOutputs", "lk.chat_ctx", "lk.user_transcript", "lk.response.text", "lk.pii.user_input", "lk.function_tool.arguments",
    "haystack.component.input", "haystack.agent.step.llm.output", "langwatch.input", "langwatch.rag_contexts", "lmnr.span.output",
    "agentops.entity.input", "braintrust.output_json", "spring.ai.chat.client.user.text", "db.vector.query.content",
    "gen_ai.request.messages", "gen_ai.response.text", "gen_ai.response.tool_calls", "gen_ai.embeddings.input", "gen_ai.message.content",
    "gen_ai.workflow.output", "gen_ai.agent.actual_output", "gen_ai.task.input", "gen_ai.guardrail.output", "gen_ai.memory.query.text",
    "gen_ai.response.revised_prompt", "gen_ai.never_seen.thing.output", "ai.input_messages", "ai.responses", "ai.toolCall.output",
    "ai.response.providerMetadata", "llm.openai.messages", "llm.anthropic.stringified_raw_response", "llm.messages", "agent.messages",
    "tool.arguments", "tool.result", "mcp.tool.result.content", "anthropic.tool_result.content", "db.query.result.document",
    "output.documents.0.document.url", "input.audio.url", "honeyhive_inputs.chat_history", "http.request.body",
    # of events of spans
    "content", "message", "input", "output", "prompt", "completion", "transcript", "user_prompt", "tool_input", "response.model_output",
]  # fmt: skip
NOT_CONTENT = [
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "gen_ai.usage.input_tokens",
    "ai.model.id",
    "llm.model_name",
    *CONTRACT.numbers("inherited"),
    *(source for column in CONTRACT.fields if column.kind == "int" for source in column.sources if "→" not in source),
    "gen_ai.output.type",
    "gen_ai.response.finish_reasons",
    "gen_ai.request.choice.count",
    "gen_ai.usage.cost.amount",
    "llm.cost.prompt",
    "llm.cost.completion_details.output",
    "gen_ai.token.usage.input",
    "input.mime_type",
    "traceloop.association.properties.context",
    "ai.telemetry.metadata.document",
    "exception.message",
    "error.message",
    "http.response.status_code",
    "db.query.text",
    "order.result",
    "id",
    "role",
    "finish_reason",
]


def keys() -> list[str]:
    """An attribute for each name and prefix of attributes.yaml, and those that are known."""
    content = CONTRACT.raw["content"]
    numbered = [prefix.replace("#", "0.content") for prefix in content["prefixes"]]
    return sorted({*KNOWN, *content["names"], *(f"{key}0.text" if key.endswith(".") else key for key in numbered)})


def mark(key: str, place: str) -> str:
    return f"{MARK}-{place}-{keys().index(key)}."


def traces() -> bytes:
    """A span a key, which has it wherever OTLP has attributes."""
    message = ExportTraceServiceRequest()
    for key in keys():
        resource = message.resource_spans.add()
        resource.resource.attributes.extend(attributes({"service.name": "web", key: mark(key, "resource")}))
        scope = resource.scope_spans.add()
        scope.scope.attributes.extend(attributes({key: mark(key, "scope")}))
        span = call()
        span.attributes.extend(attributes({key: mark(key, "span")}))
        span.events.add(name="an event").attributes.extend(attributes({key.replace("0", "1"): mark(key, "event")}))
        span.links.add(trace_id=bytes(16), span_id=bytes(8)).attributes.extend(attributes({key: mark(key, "link")}))
        refused = call()
        refused.trace_id = b"short"
        refused.attributes.extend(attributes({key: mark(key, "refused")}))
        scope.spans.extend([span, refused])
    return bytes(message.SerializeToString())


def log_records() -> bytes:
    message = ExportLogsServiceRequest()
    for key in keys():
        resource = message.resource_logs.add()
        resource.resource.attributes.extend(attributes({key: mark(key, "log-resource")}))
        scope = resource.scope_logs.add()
        scope.scope.attributes.extend(attributes({key: mark(key, "log-scope")}))
        for body in (mark(key, "body"), {"content": mark(key, "body"), "message": {"content": mark(key, "body")}}):
            [held] = attributes({"body": body})
            record = scope.log_records.add(
                event_name="gen_ai.user.message", time_unix_nano=call().start_time_unix_nano, body=held.value
            )
            record.attributes.extend(attributes({key: mark(key, "log")}))
    return bytes(message.SerializeToString())


def send(running: Running) -> None:
    for path, body in {"/v1/traces": traces(), "/v1/logs": log_records()}.items():
        answer = running.http.post(path, content=body, headers={"content-type": "application/x-protobuf"})
        assert answer.status_code == 200
    running.drained()


def tables_with(running: Running, mark: str) -> set[str]:
    """Which tables have it, in any column."""
    tables = "SELECT name FROM system.tables WHERE database = 'spanledger' AND engine LIKE '%MergeTree'"
    return {
        table
        for (table,) in running.platform.store.query(tables)
        if running.platform.store.query(
            f"SELECT 1 FROM spanledger.{table} WHERE position(toString(tuple(*)), {{mark:String}}) > 0 LIMIT 1",
            {"mark": mark},
        )
    }


def files_with(folder: Path, mark: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and mark.encode() in path.read_bytes()]


@pytest.mark.parametrize("key", KNOWN)
def test_what_the_dialects_put_content_under_is_known_as_content(key: str) -> None:
    assert CONTRACT.is_content(key)


def test_what_only_sounds_like_content_is_not_taken_for_it() -> None:
    assert [key for key in NOT_CONTENT if CONTRACT.is_content(key)] == []


def test_every_source_of_messages_is_known_as_content_or_is_an_event() -> None:
    listed = [s for sources in CONTRACT.raw["messages"]["sources"].values() for s in sources]
    names = [name for entry in listed for name in ([entry] if isinstance(entry, str) else entry)]
    events = {"gen_ai.choice", *(f"gen_ai.{role}.message" for role in ("system", "user", "assistant", "tool"))}
    assert [name for name in names if not CONTRACT.is_content(name.replace("#", "0.x")) and name not in events] == []
    assert len(names) == len(set(names))


def test_with_capture_off_no_content_is_anywhere_once_it_is_posted(platform: Start, data: Path) -> None:
    running = platform()

    send(running)

    assert running.one("SELECT count() FROM spanledger.spans") == running.one("SELECT count() FROM spanledger.rejected")
    assert int(running.one("SELECT count() FROM spanledger.gen_ai_events")) == 2 * len(keys())
    assert tables_with(running, MARK) == set()
    assert files_with(data, MARK) == []


def test_with_capture_on_all_of_it_is_in_one_table_and_nowhere_else(platform: Start, data: Path) -> None:
    running = platform(config=Config(content=ContentCapture(capture=True)))

    send(running)

    assert tables_with(running, MARK) == {"span_content"}
    rows = running.platform.store.query("SELECT toString(tuple(*)) FROM spanledger.span_content")
    stored = "".join(text for (text,) in rows)
    kept = [mark(key, place) for key in keys() for place in ("span", "log", "body")]
    assert [text for text in kept if text not in stored] == []
    left = [mark(key, place) for key in keys() for place in ("resource", "scope", "link", "refused", "log-scope")]
    assert [text for text in left if text in stored] == []
    assert list((data / "spool").glob("*.segment")) == []


def test_capture_that_is_turned_off_again_adds_nothing_more(platform: Start) -> None:
    running = platform(config=Config(content=ContentCapture(capture=True)))
    running.send(request([call(input__value="first")]))
    running.drained()
    running = platform()
    running.send(request([call(input__value="second")]))
    running.drained()

    assert running.one("SELECT count() FROM spanledger.spans") == "2"
    assert running.one("SELECT messages[1].parts[1].content FROM spanledger.span_content") == "first"


def test_a_key_reads_content_only_where_it_may(platform: Start, data: Path) -> None:
    keys = Keys(data / "keys.json")
    now = datetime.now(UTC)
    plain = keys.create("web", [Scope.INGEST, Scope.READ], now)
    allowed = keys.create("web", [Scope.READ, Scope.CONTENT], now)
    other = keys.create("app", [Scope.READ, Scope.CONTENT], now)
    alone = keys.create("web", [Scope.CONTENT], now)
    running = platform(config=Config(content=ContentCapture(capture=True)))
    running.send(request([call(number=77, input__value="hi")]), plain)
    running.drained()

    trace = f"{78:032x}"
    table = "SELECT count() FROM spanledger.span_content"
    view = f"SELECT count() FROM spanledger.trace_content(trace_id='{trace}', project='')"
    for query in (table, view):
        assert [running.one(query, key) for key in (plain, allowed, other)] == ["0", "1", "0"]
    assert running.one("SELECT count() FROM spanledger.spans", plain) == "1"
    assert running.ask(table, alone).status_code == 401
    assert running.ask(table).status_code == 401


def test_on_a_loopback_address_without_keys_content_is_read_by_who_is_there(platform: Start) -> None:
    running = platform(config=Config(content=ContentCapture(capture=True)))
    running.send(request([call(input__value="hi")]))
    running.drained()

    assert running.one("SELECT messages[1].parts[1].content FROM spanledger.span_content") == "hi"


@pytest.fixture
def post(store: Store, tmp_path: Path) -> Callable[[int, datetime], None]:
    """Posts a call with content, received then."""

    def at(number: int, received: datetime) -> None:
        ns = int(received.timestamp()) * 10**9
        path = tmp_path / "segment"
        body = request([call(start_ns=ns, input__value=f"said {number}")])
        path.write_bytes(envelope(body, received_at=ns).encode(number))
        store.post(path, f"{number}/1")

    return at


def test_content_is_gone_when_its_days_are_over_and_the_spans_are_not(
    store: Store, post: Callable[[int, datetime], None]
) -> None:
    capture(store, ContentCapture(capture=True, keep_days=3))
    now = datetime.now(UTC)
    post(1, now - timedelta(days=5))
    post(2, now - timedelta(days=1))

    store.command("OPTIMIZE TABLE spanledger.span_content FINAL")

    assert store.query("SELECT messages[1].parts[1].content FROM spanledger.span_content") == [("said 2",)]
    assert store.query("SELECT count() FROM spanledger.spans") == [(2,)]
    assert store.days_kept("span_content") == 3


def test_the_views_of_content_survive_a_migration_and_are_gone_with_capture(store: Store) -> None:
    views = "SELECT count() FROM system.tables WHERE database = 'spanledger' AND name LIKE '%content%' AND engine = 'MaterializedView'"
    capture(store, ContentCapture(capture=True))
    assert store.migrate(datetime.now(UTC)) == []
    assert store.query(views) == [(3,)]

    capture(store, ContentCapture())

    assert store.query(views) == [(0,)]


def test_content_is_settled_with_its_segment(store: Store, post: Callable[[int, datetime], None]) -> None:
    capture(store, ContentCapture(capture=True))
    post(1, datetime.now(UTC))
    post(2, datetime.now(UTC))

    store.settle(1)

    assert store.query("SELECT messages[1].parts[1].content FROM spanledger.span_content") == [("said 2",)]
