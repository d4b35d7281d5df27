"""Northwind, the make-believe company of the demo: which models it asks for what, for whom, and what went wrong.

Data only: `history` draws a month from it, `apps` acts it out live. Times are UTC; an *age* counts days back from the
beginning of today, so that 9 - 14/24 is nine days ago at 14:00.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One thing that a service does with a model."""

    name: str
    service: str
    team: str
    share: float
    """Of all calls, on an average day."""
    models: Mapping[str, float]
    """Model name -> weight."""
    api: str = "chat"
    """`chat` or `responses`, where an OpenAI model is asked; Anthropic has but one."""
    prompt: str = ""
    versions: tuple[tuple[float, str], ...] = ()
    """From which age on each version of the prompt was in use, oldest first."""
    route: str = ""
    """The service's own endpoint around the call; empty where the app has no span of its own."""
    routed: float = 1.0
    """The share of calls made inside a request to `route`."""
    retrieves: bool = False
    """Whether an embedding of the question precedes the call."""
    context: float = 1.0
    """Context tokens, relative to the profile's."""
    generated: float = 1.0
    """Generated tokens, relative to the profile's."""
    cached: float = 0.0
    """The usual share of the input that the provider's cache serves."""
    stream: float = 0.0
    """The share of calls that stream."""
    max_tokens: int = 0
    """As asked for; 0 asks for none, except of Anthropic, which wants one (4096)."""
    nightly: bool = False
    """Runs between 1:00 and 5:00, every day, instead of in office hours."""
    for_customers: bool = True
    """Whether it serves Northwind's customers, or its own people and jobs."""


FEATURES = (
    Feature(
        "answer-customer", "support-bot", "support", 0.24,
        {"gpt-4o-mini": 55, "claude-haiku-4-5": 42, "northwind-support-8b": 3},
        prompt="support-answer", versions=((99, "v6"), (12 - 9 / 24, "v7"), (10 - 9 / 24, "v8")),
        route="/chat", routed=0.6, context=1.6, cached=0.72, stream=0.85, max_tokens=800,
    ),
    Feature(
        "triage-ticket", "support-bot", "support", 0.13, {"gpt-4.1-mini": 100},
        prompt="triage", versions=((99, "v3"),), context=0.6, generated=0.25, cached=0.35,
    ),
    Feature(
        "ask-docs", "doc-search", "search", 0.13, {"gpt-5-mini": 70, "claude-haiku-4-5": 30},
        prompt="docs-answer", versions=((99, "v11"), (20, "v12")), route="/ask", routed=1.0, retrieves=True,
        context=2.2, cached=0.4, stream=0.9,
    ),
    Feature(
        "complete-code", "code-assistant", "platform", 0.12, {"gpt-5-mini": 80, "gpt-4.1-mini": 20},
        context=1.8, generated=0.6, cached=0.65, stream=1.0, for_customers=False,
    ),
    Feature(
        "review-change", "code-assistant", "platform", 0.05, {"claude-sonnet-4-6": 80, "claude-opus-5": 20},
        prompt="code-review", versions=((99, "v5"), (15, "v6")), context=5.0, generated=2.5, cached=0.55,
        max_tokens=8000, for_customers=False,
    ),
    Feature(
        "draft-mail", "sales-writer", "growth", 0.10, {"gpt-4o": 75, "claude-sonnet-4-6": 25},
        prompt="outreach", versions=((99, "v2"), (23, "v3")), route="/drafts", routed=0.8, generated=1.4, stream=0.3,
    ),
    Feature(
        "review-contract", "contract-desk", "legal", 0.05, {"claude-sonnet-4-6": 65, "claude-opus-5": 35},
        prompt="contract-review", versions=((99, "v3"), (4 - 8 / 24, "v4"), (3 - 20 / 24, "v5")),
        route="/contracts/{id}/review", routed=0.9, context=6.0, generated=2.5, cached=0.3, max_tokens=4096,
    ),
    Feature(
        "extract-clauses", "contract-desk", "legal", 0.04, {"gpt-5.2": 100}, api="responses",
        prompt="clauses", versions=((99, "v1"),), context=4.0, generated=1.5, cached=0.2, max_tokens=6000,
    ),
    Feature(
        "classify-feedback", "batch-jobs", "data", 0.08, {"gpt-4o-mini": 100},
        prompt="feedback-classes", versions=((99, "v4"),), context=0.5, generated=0.15, cached=0.3, nightly=True,
    ),
    Feature("index-docs", "batch-jobs", "data", 0.06, {"text-embedding-3-small": 100}, context=0.7, nightly=True),
)  # fmt: skip

CUSTOMERS = (
    "acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "wonka", "tyrell", "cyberdyne", "soylent",
    "massive", "vandelay", "dunder", "sterling", "pied-piper", "gringotts", "oceanic", "weyland", "nakatomi",
    "bluth", "duff", "monarch", "aperture", "blackmesa", "prestige", "virtucon", "zorin", "rekall", "genco",
    "octan", "kwik-e",
)  # fmt: skip
"""The biggest first: the n-th brings about 1/n of the first one's traffic."""

STAGING = 0.05
"""The share of calls from the environment `staging`; the rest is `production`."""
GROWTH = 0.35
"""How much more traffic the last day has than the first."""
USUAL_FAILURES = {400: 0.0012, 408: 0.0016, 429: 0.0030, 500: 0.0018}
"""Status -> share of calls on a quiet day. 408 stands for the client's own time-out, which has no status."""
ABANDONED = 0.004
"""The share of streams that the caller leaves before the end: their usage stays unknown."""


@dataclass(frozen=True)
class Incident:
    """Something that went wrong, for calls that match (an empty word matches all)."""

    name: str
    age: float
    hours: float
    provider: str = ""
    feature: str = ""
    service: str = ""
    fail_status: int = 0
    fail_share: float = 0.0
    slower: float = 1.0
    """Times as long to the first token."""
    context: float = 1.0
    """Times as much context."""
    cached: float = 1.0
    """Times the usual share served by the cache."""

    def on(self, age: float) -> bool:
        return self.age - self.hours / 24 < age <= self.age

    def hits(self, provider: str, feature: Feature) -> bool:
        return (
            self.provider in ("", provider)
            and self.feature in ("", feature.name)
            and self.service in ("", feature.service)
        )


INCIDENTS = (
    Incident("429 storm", 16 - 2 / 24, 1.0, provider="openai", service="batch-jobs", fail_status=429, fail_share=0.55),
    Incident("cache collapse", 12 - 9 / 24, 48, feature="answer-customer", cached=0.04),
    Incident("provider outage", 9 - 14.2 / 24, 40 / 60, provider="anthropic", fail_status=529, fail_share=0.85),
    Incident("slow first tokens", 6 - 10 / 24, 5, provider="openai", slower=4.0),
    Incident("cost spike", 4 - 8 / 24, 36, feature="review-contract", context=4.0),
)
"""By the age at which they begin. The cost spike and the cache collapse begin and end with a version of a prompt."""

NIGHT = (2.0, 6.0, 7.5, 6.5, 3.0) + (0.12,) * 19
OFFICE = (
    0.25, 0.20, 0.18, 0.18, 0.22, 0.35, 0.60, 1.05, 1.60, 1.95, 2.05, 1.95,
    1.70, 1.85, 2.05, 2.00, 1.75, 1.35, 1.00, 0.80, 0.65, 0.52, 0.42, 0.32,
)  # fmt: skip
"""Traffic of each hour, relative to the day's mean."""
WEEK = (1.12, 1.18, 1.20, 1.16, 1.04, 0.38, 0.34)
"""Office traffic of each day from Monday on, relative to the week's mean."""
