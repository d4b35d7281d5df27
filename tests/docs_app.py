"""Run by docs_screenshots.py: what the demo's own apps do not do. `python docs_app.py agent|burst COLLECTOR`.

`agent` reads a contract: it calls a model and tools, one of which fails once, and says what was said. `burst` ends more spans at once than
its queue holds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import spanledger
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

SECOND = 10**9
SESSION = "contract-4711"
QUESTION = "Does the contract with Globex let us raise the price, and by when do we have to say so?"
ANSWER = (
    "Yes. Clause 7.2 allows one increase a year, by the consumer price index at most (2.4 % this year). Notice has to reach Globex 60 days "
    "before the anniversary: by January 30."
)
CLAUSE = (
    "7.2 Price adjustment: once a year, by the consumer price index at most; notice 60 days before the anniversary."
)
STACK = """\
Traceback (most recent call last):
  File "contract_desk/clauses.py", line 88, in search
    return index.search(query, timeout=2.0)
  File "contract_desk/index.py", line 41, in search
    raise TimeoutError(f"the clause index did not answer within {timeout:g} s")
TimeoutError: the clause index did not answer within 2 s
"""
tracer = trace.get_tracer("northwind.contract-desk")


class Clock:
    """Says when; the agent acts it all out in no time, a minute ago."""

    def __init__(self) -> None:
        self.now = time.time_ns() - 60 * SECOND

    @contextmanager
    def span(self, name: str, kind: SpanKind, attributes: Mapping[str, Any], seconds: float = 0) -> Iterator[Span]:
        """A span that takes as long as what is done in it, and so many seconds."""
        span = tracer.start_span(name, kind=kind, attributes=attributes, start_time=self.now)
        with trace.use_span(span):
            yield span
        self.now += int(seconds * SECOND)
        span.end(self.now)


Message = dict[str, Any]


def message(role: str, *parts: Mapping[str, Any]) -> Message:
    return {"role": role, "parts": list(parts)}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def tool_call(name: str, **arguments: str) -> dict[str, Any]:
    return {"type": "tool_call", "id": f"call_{name}", "name": name, "arguments": arguments}


def tool_answer(name: str, result: str) -> Message:
    return message("tool", {"type": "tool_call_response", "id": f"call_{name}", "result": result})


def chat(clock: Clock, seconds: float, tokens: tuple[int, int, int], asked: list[Message], answered: Message) -> None:
    """Tokens: in, of those read from a cache, and out. What was asked grows by what was answered."""
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-6",
        "gen_ai.response.model": "claude-sonnet-4-6", "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.cache_read.input_tokens": tokens[1], "gen_ai.usage.output_tokens": tokens[2],
        "gen_ai.response.finish_reasons": ["tool_calls" if answered["parts"][0]["type"] == "tool_call" else "stop"],
        "gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps([answered]),
        "gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": seconds * 0.3,
    }  # fmt: skip
    with clock.span("chat claude-sonnet-4-6", SpanKind.CLIENT, attributes, seconds):
        asked.append(answered)


def tool(clock: Clock, name: str, seconds: float, fails: bool = False) -> None:
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    with clock.span(f"execute_tool {name}", SpanKind.INTERNAL, attributes, seconds) as span:
        if fails:
            error = TimeoutError("the clause index did not answer within 2 s")
            span.record_exception(error, {"exception.stacktrace": STACK}, timestamp=clock.now + int(seconds * SECOND))
            span.set_status(Status(StatusCode.ERROR, str(error)))
            span.set_attribute("error.type", "TimeoutError")


def agent() -> None:
    clock = Clock()
    whose = {"team": "legal", "feature": "ask-contract", "customer": "globex", "user": "ada", "session": SESSION}
    reader = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "contract-reader"}
    asked = [message("user", text(QUESTION))]
    with spanledger.attribute(**whose, prompt="contract-agent", prompt_version="v2"):  # noqa: SIM117
        with clock.span("POST /contracts/{id}/ask", SpanKind.SERVER, {"http.request.method": "POST"}, 0.1):
            with clock.span("invoke_agent contract-reader", SpanKind.INTERNAL, reader):
                chat(clock, 1.4, (1850, 1200, 64), asked, message("assistant", tool_call("fetch_contract", id="4711")))
                tool(clock, "fetch_contract", 0.3)
                asked.append(tool_answer("fetch_contract", "Master service agreement with Globex, 38 pages"))
                search = tool_call("search_clauses", query="price adjustment")
                chat(clock, 1.9, (9400, 1800, 71), asked, message("assistant", search))
                tool(clock, "search_clauses", 2.0, fails=True)
                tool(clock, "search_clauses", 0.6)
                asked.append(tool_answer("search_clauses", CLAUSE))
                chat(clock, 3.2, (11200, 9300, 240), asked, message("assistant", text(ANSWER)))
            tool(clock, "save_answer", 0.2)


def burst(spans: int = 3500) -> None:
    for page in range(spans):
        with tracer.start_as_current_span("index page", attributes={"page": page}):
            pass


if __name__ == "__main__":
    act, collector = sys.argv[1:]
    service = {"agent": "contract-desk", "burst": "batch-jobs"}[act]
    spanledger.instrument(
        endpoint=collector, service=service, environment="production", capture_content=act == "agent", spans="all"
    )
    {"agent": agent, "burst": burst}[act]()
    spanledger.shutdown()
