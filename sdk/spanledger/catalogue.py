"""The client libraries and frameworks that `instrument()` knows, and what traces each: data alone.

Which instrumentor is chosen, and how each was tried, is in docs/libraries.md. A framework's own calls of a model are
traced by the client library underneath; where both make a span, the collector bills the inner one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Instrumentor:
    path: str
    """`module:class`; loaded by this path, never by entry point: three dialects register the same names."""
    distribution: str
    options: Mapping[str, object] = field(default_factory=dict)
    """Of its `instrument()`."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Set where the app has not set them itself, until `shutdown()`: content that nobody asked for stays out. Not set where
    content is captured."""


@dataclass(frozen=True, slots=True)
class Native:
    """The library traces itself, on the global TracerProvider."""

    module: str
    """Only the versions that have this module do."""
    switch: str = ""
    """Environment variable that says whether it does."""
    off: tuple[str, ...] = ("false",)
    """Values of it with which it does not, or sends its spans elsewhere."""
    on: str = ""
    """The value with which it does, where it has to be asked."""


@dataclass(frozen=True, slots=True)
class Library:
    name: str
    """Of the distribution."""
    module: str
    """It is in use from the import of this module on."""
    extra: str
    """`pip install 'spanledger[extra]'` brings what traces it."""
    instrumentor: Instrumentor | None = None
    native: Native | None = None
    wrapped: tuple[str, ...] = ()
    """`module:attribute.path` of what instrumentors of any dialect wrap."""


def _official(name: str, class_name: str) -> Instrumentor:
    return Instrumentor(
        f"opentelemetry.instrumentation.genai.{name.replace('-', '_')}:{class_name}",
        f"opentelemetry-instrumentation-genai-{name}",
    )


def _openinference(name: str, class_name: str) -> Instrumentor:
    hidden = ("INPUTS", "OUTPUTS", "LLM_TOOLS", "LLM_PROMPTS", "EMBEDDINGS_TEXT", "EMBEDDINGS_VECTORS")
    return Instrumentor(
        f"openinference.instrumentation.{name}:{class_name}",
        f"openinference-instrumentation-{name}",
        environ={f"OPENINFERENCE_HIDE_{what}": "true" for what in hidden},
    )


def _traceloop(name: str, class_name: str) -> Instrumentor:
    return Instrumentor(
        f"opentelemetry.instrumentation.{name}:{class_name}",
        f"opentelemetry-instrumentation-{name}",
        environ={"TRACELOOP_TRACE_CONTENT": "false"},
    )


CAPTURING = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
}
"""Set, likewise, where content is captured: these are silent unless asked."""

OPENAI = Library(
    name="openai",
    module="openai",
    extra="openai",
    instrumentor=_official("openai", "OpenAIInstrumentor"),
    wrapped=("openai.resources.chat.completions:Completions.create", "openai:OpenAI.request"),
)
ANTHROPIC = Library(
    name="anthropic",
    module="anthropic",
    extra="anthropic",
    instrumentor=_official("anthropic", "AnthropicInstrumentor"),
    native=Native("anthropic._tracing", switch="ANTHROPIC_OPEN_TELEMETRY"),
    wrapped=("anthropic.resources.messages:Messages.create", "anthropic:Anthropic.request"),
)
LITELLM = Library(
    name="litellm",
    module="litellm",
    extra="litellm",
    instrumentor=_openinference("litellm", "LiteLLMInstrumentor"),
    wrapped=("litellm:completion",),
)
LIBRARIES = (
    OPENAI,
    ANTHROPIC,
    Library(
        name="google-genai",
        module="google.genai",
        extra="google",
        instrumentor=Instrumentor(
            "opentelemetry.instrumentation.google_genai:GoogleGenAiSdkInstrumentor",
            "opentelemetry-instrumentation-google-genai",
            # it declares google-genai<3, and works with 3 all the same
            options={"skip_dep_check": True},
        ),
        wrapped=("google.genai.models:Models.generate_content",),
    ),
    Library(
        name="boto3",
        module="botocore.client",
        extra="bedrock",
        instrumentor=_official("bedrock", "BedrockInstrumentor"),
        wrapped=("botocore.client:BaseClient._make_api_call",),
    ),
    Library(
        name="mistralai",
        module="mistralai",
        extra="mistral",
        native=Native(
            "mistralai.extra.observability.telemetry",
            switch="MISTRAL_SDK_TELEMETRY",
            off=("false", "dedicated"),
            on="global",
        ),
    ),
    Library(
        name="groq",
        module="groq",
        extra="groq",
        instrumentor=_traceloop("groq", "GroqInstrumentor"),
        wrapped=("groq.resources.chat.completions:Completions.create",),
    ),
    Library(
        name="cohere",
        module="cohere",
        extra="cohere",
        instrumentor=_openinference("cohere", "CohereInstrumentor"),
        wrapped=("cohere.v2.client:V2Client.chat",),
    ),
    Library(
        name="ollama",
        module="ollama",
        extra="ollama",
        instrumentor=_traceloop("ollama", "OllamaInstrumentor"),
        wrapped=("ollama:Client.chat", "ollama:Client._request"),
    ),
    LITELLM,
    Library(
        name="langchain-core",
        module="langchain_core",
        extra="langchain",
        instrumentor=_official("langchain", "LangChainInstrumentor"),
        wrapped=("langchain_core.callbacks:BaseCallbackManager.__init__",),
    ),
    Library(
        name="llama-index-core",
        module="llama_index.core",
        extra="llama-index",
        instrumentor=_official("llama-index", "LlamaIndexInstrumentor"),
    ),
    Library(
        name="openai-agents",
        module="agents",
        extra="agents",
        instrumentor=_official("openai-agents", "OpenAIAgentsInstrumentor"),
    ),
    Library(
        name="crewai",
        module="crewai",
        extra="crewai",
        instrumentor=_openinference("crewai", "CrewAIInstrumentor"),
        wrapped=("crewai:Crew.kickoff",),
    ),
    Library(
        name="pydantic-ai-slim",
        module="pydantic_ai",
        extra="pydantic-ai",
        instrumentor=Instrumentor("spanledger.pydantic_agents:PydanticAgents", "pydantic-ai-slim"),
    ),
    Library(
        name="mcp",
        module="mcp",
        extra="mcp",
        native=Native("mcp.server._otel"),
    ),
)
