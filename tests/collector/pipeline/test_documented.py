"""Dialects of which there is no recording: spans built from their documentation or source (tests/golden/documented.yaml).

What a recording says goes before this; what it is for is that of other versions, too, nothing is misread and no content is left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from collector.pipeline.otlp import Pipeline, Value, attributes, request, resource, span
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector import yaml_file

SAMPLES: list[dict[str, Any]] = yaml_file.read(Path(__file__).parents[2] / "golden" / "documented.yaml")
CONTENT = "planted-content"
MESSAGES = json.dumps([{"role": "user", "content": CONTENT}])
NOT_SAID = dict.fromkeys(
    ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"]
)


def filled(said: Mapping[str, Any]) -> dict[str, Value]:
    """The attributes that an entry of the file stands for."""
    texts = {"CONTENT": CONTENT, "MESSAGES": MESSAGES}
    return {
        key: json.dumps(value["json"]).replace("CONTENT", CONTENT)
        if isinstance(value, dict)
        else texts.get(value, value)
        if isinstance(value, str)
        else value
        for key, value in said.items()
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample["source"]))
def test_a_span_as_it_is_documented_has_the_row_of_its_call(pipeline: Pipeline, sample: dict[str, Any]) -> None:
    events = [
        Span.Event(name=name, time_unix_nano=span().start_time_unix_nano, attributes=attributes(filled(said)))
        for name, said in sample.get("events", {}).items()
    ]
    sent = span(filled(sample["values"]), events=events)

    [row] = pipeline.post(request(resource(sent, scope=sample.get("scope", "a.scope")))).rows("spans")

    expected = NOT_SAID | sample["row"]
    said = {name: float(row[name]) if name == "reported_cost_usd" else row[name] for name in expected}
    assert said == expected
    assert CONTENT not in str(row)
    kept = {*row["attributes"], *(attribute["key"] for event in row["events"] for attribute in event["attributes"])}
    assert {*sample.get("kept", [])} <= kept


# Frameworks whose span around a call says no operation, or one of its own, and repeats the usage of the call inside it.
AROUND: dict[str, dict[str, Value]] = {
    "Google ADK, call_llm": {"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-flash"},
    "Genkit, generate": {"genkit:name": "generate", "genkit:metadata:subtype": "util"},
    "VoltAgent, agent": {"span.type": "agent", "usage.prompt_tokens": 8, "usage.completion_tokens": 5},
    "Strands Agents, invoke_agent": {"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "strands-agents"},
    "Mastra, agent.run": {"gen_ai.operation.name": "agent.run"},
    "LiveKit, llm_node": {"gen_ai.provider.name": "openai"},
    "a caller's span around vLLM's": {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"},
}


@pytest.mark.parametrize("values", AROUND.values(), ids=AROUND)
def test_a_call_that_its_framework_tells_of_too_is_billed_once(pipeline: Pipeline, values: dict[str, Value]) -> None:
    usage: dict[str, Value] = {"gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 5}
    outer = span(values | usage, name="outer")
    inner = span(
        {"gen_ai.operation.name": "generate_content", "gen_ai.request.model": "m", **usage},
        name="inner",
        span_id=bytes(range(2, 10)),
        parent_span_id=outer.span_id,
    )

    rows = pipeline.post_spans(outer, inner).rows("spans")

    assert [row["name"] for row in rows if row["billing_owner"]] == ["inner"]
