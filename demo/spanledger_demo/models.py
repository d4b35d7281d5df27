"""The models of the demo: how each is asked for, how the provider answers, and how fast it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """One model. `reasoning` is the share of its output that it usually spends on that."""

    name: str
    """As asked for in a request."""
    snapshot: str
    """As named in the answer."""
    provider: str
    """`openai` or `anthropic`: the client library and the wire format."""
    first_token_s: float
    """Median time to the first token of a short prompt, in seconds."""
    tokens_per_s: float
    """Median speed of generation."""
    reasoning: float = 0.0
    embedding: bool = False
    host: str = ""
    """Where a self-hosted model answers; empty for the provider's own endpoint."""


CATALOGUE: dict[str, Model] = {
    model.name: model
    for model in (
        Model("gpt-4o", "gpt-4o-2024-08-06", "openai", 0.48, 95),
        Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai", 0.36, 110),
        Model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "openai", 0.41, 105),
        Model("gpt-5-mini", "gpt-5-mini-2025-08-07", "openai", 0.85, 120, reasoning=0.45),
        Model("gpt-5.2", "gpt-5.2-2025-12-11", "openai", 1.20, 80, reasoning=0.40),
        Model("text-embedding-3-small", "text-embedding-3-small", "openai", 0.09, 0, embedding=True),
        Model("claude-sonnet-4-6", "claude-sonnet-4-6", "anthropic", 0.95, 75),
        Model("claude-haiku-4-5", "claude-haiku-4-5-20251001", "anthropic", 0.52, 130),
        Model("claude-opus-5", "claude-opus-5", "anthropic", 1.45, 58),
        # A fine-tune of our own behind an OpenAI-compatible server: no price list knows it, so its calls stay unpriced.
        Model("northwind-support-8b", "northwind-support-8b-v3", "openai", 0.20, 60, host="llm.northwind.internal"),
    )
}
