"""Names on the wire, and what makes a span a GenAI span.

OpenTelemetry moved its GenAI names out of the package of constants, so the ones that the SDK needs are kept here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from spanledger import content_names

COST_AMOUNT = "gen_ai.usage.cost.amount"
COST_CURRENCY = "gen_ai.usage.cost.currency"
COST_SOURCE = "gen_ai.usage.cost.source"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
ERROR_TYPE = "error.type"
USAGE_ESTIMATED = "spanledger.usage.estimated"
"""True where the tokens were counted by the SDK and not by the provider: see `spanledger.partial`."""

EXPORT_PROCESS = "spanledger.export.process"
EXPORT_STARTED = "spanledger.export.started"
EXPORT_SEQUENCE = "spanledger.export.sequence"
EXPORT_EMITTED = "spanledger.export.emitted"
EXPORT_SENT = "spanledger.export.sent"
EXPORT_DROPPED = "spanledger.export.dropped"
EXPORT_FINAL = "spanledger.export.final"
"""Stamps of a request (D12): whose it is, since when that process counts (Unix time in seconds), its number, and what became
of the spans of its process until then. `emitted` is all of them; `sent`, those in requests up to this one, without what was
dropped since; `dropped`, those that will never come. The rest was still queued. `final` is 1 on the last request of a process
that ended in good order.
"""

_SCOPES = (
    "opentelemetry.instrumentation.genai.",
    "opentelemetry.util.genai",
    "opentelemetry.instrumentation.google_genai",
    "opentelemetry.instrumentation.openai",
    "opentelemetry.instrumentation.anthropic",
    "opentelemetry.instrumentation.groq",
    "opentelemetry.instrumentation.ollama",
    "com.anthropic.sdk.python",
    "mistralai_sdk_tracer",
    "openinference.instrumentation.",
    "openlit.",
    "langfuse-sdk",
    "langsmith",
    "pydantic-ai",
    "logfire.openai",
    "logfire.anthropic",
    "litellm",
    "mcp-python-sdk",
    "spanledger.record_call",
)
_ATTRIBUTES = (
    "gen_ai.",
    "llm.",
    "openinference.",
    "traceloop.",
    "langfuse.observation.",
    "langsmith.",
    "litellm.",
    "pydantic_ai.",
    "mcp.",
    "ai.operationId",
    "ai.model.",
    "ai.usage.",
)
# Attribution is written on every span: `gen_ai.prompt.name` says which prompt a request is about, not that it is a
# call.
_ATTRIBUTION = frozenset({"gen_ai.prompt.name", "gen_ai.prompt.version"})


@lru_cache(maxsize=1024)
def is_genai_scope(name: str) -> bool:
    """Whether an instrumentation scope is one of those that trace LLM calls, in any dialect."""
    return name.startswith(_SCOPES)


def has_genai_attribute(keys: Iterable[str]) -> bool:
    """Whether any attribute is of a GenAI dialect."""
    return any(key.startswith(_ATTRIBUTES) and key not in _ATTRIBUTION for key in keys)


@lru_cache(maxsize=4096)
def is_content(key: str) -> bool:
    """Whether an attribute holds what was said. Capture is off, so such an attribute never leaves the process."""
    if key in content_names.FIELDS or key.startswith(content_names.NOT):
        return False
    if key in content_names.NAMES or key.startswith(content_names.PREFIXES):
        return True
    return key.startswith(content_names.NAMESPACES) and key.endswith(content_names.ENDINGS)
