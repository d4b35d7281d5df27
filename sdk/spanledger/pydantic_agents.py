"""pydantic-ai traces itself when told to, by a switch of its own: that switch, in the form of an instrumentor."""

from __future__ import annotations

import os
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings


class PydanticAgents:
    """Every agent that does not say otherwise itself; with what was said to it and by it only where that is asked for."""

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        return bool(Agent._instrument_default)

    def instrument(self, *, tracer_provider: Any, **_: Any) -> None:
        captured = bool(os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").startswith("SPAN"))
        Agent.instrument_all(InstrumentationSettings(tracer_provider=tracer_provider, include_content=captured))

    def uninstrument(self) -> None:
        Agent.instrument_all(False)
