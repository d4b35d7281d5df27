"""What is asked of the fake provider, what it answers, and what it bills."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spanledger_demo.models import CATALOGUE

ORDER_HEADER = "x-demo-reply"
WORDS = ("the", "order", "left", "our", "warehouse", "on", "time", "and", "should", "arrive", "within", "two", "days")


@dataclass(frozen=True)
class Usage:
    """The tokens of one call in disjoint buckets: each token is in exactly one."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output_text: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0

    @property
    def input(self) -> int:
        """Every token read, cached and audio ones too."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.audio_in

    @property
    def output(self) -> int:
        """Every token written, reasoning and audio too."""
        return self.output_text + self.reasoning + self.audio_out

    @property
    def text(self) -> str:
        """Some text of about the size of the output; long ones are cut, for nobody reads them."""
        return " ".join(WORDS[i % len(WORDS)] for i in range(max(1, min(self.output_text, 120))))


OPENAI_USAGE = Usage(input_uncached=176, cache_read=1024, output_text=45, reasoning=40)
ANTHROPIC_USAGE = Usage(input_uncached=50, cache_read=700, cache_write_5m=200, cache_write_1h=100, output_text=30)
EMBEDDING_USAGE = Usage(input_uncached=8)


@dataclass(frozen=True)
class Reply:
    """How the provider answers one request. Durations in seconds."""

    usage: Usage = Usage()
    status: int = 200
    code: str = ""
    """OpenAI's `error.code` or Anthropic's `error.type` of a refusal; empty for the usual one of the status."""
    once: bool = False
    """Whether a refusal is for the client's first attempt alone."""
    retry_after: float | None = None
    first_token_s: float = 0.0
    generation_s: float = 0.0


@dataclass(frozen=True)
class Request:
    """What was asked. `api` is `chat`, `responses`, `embeddings` or `messages`; `attempt` is 0 for the first try."""

    api: str
    model: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    attempt: int

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def snapshot(self) -> str:
        """The model as the answer names it."""
        known = CATALOGUE.get(self.model)
        return known.snapshot if known else self.model


@dataclass(frozen=True)
class Answer:
    """A successful answer in a provider's own format: `body` where it is whole, `frames` of SSE where it streams."""

    id: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[str, ...] = ()
    usage_sent: bool = True


@dataclass(frozen=True)
class Call:
    """One HTTP request as the provider's own books have it."""

    id: str
    """The id in the answer; empty for refusals and embeddings, which have none."""
    request_id: str
    api: str
    request_model: str
    model: str
    """As the answer names it."""
    stream: bool
    status: int
    usage: Usage
    """What is billed: nothing for a refusal."""
    usage_sent: bool
    """Whether the client could read the usage: not in an OpenAI chat stream without `include_usage`."""
    complete: bool
    """False where the caller hung up before the end."""


def obey(request: Request) -> Reply:
    """The reply that the request asks for; an answer at once, with a fixed usage, where it asks for nothing."""
    usage = {"messages": ANTHROPIC_USAGE, "embeddings": EMBEDDING_USAGE}.get(request.api, OPENAI_USAGE)
    order = request.headers.get(ORDER_HEADER)
    if order:
        fields = json.loads(order)
        if "usage" in fields:
            usage = Usage(**fields.pop("usage"))
        reply = Reply(usage=usage, **fields)
    elif request.model.startswith("err-"):
        status, _, once = request.model.removeprefix("err-").partition("-")
        retry_after = 0.01 if status == "429" else None
        reply = Reply(usage=usage, status=int(status), once=bool(once), retry_after=retry_after)
    else:
        reply = Reply(usage=usage)
    return replace(reply, status=200) if reply.once and request.attempt > 0 else reply
