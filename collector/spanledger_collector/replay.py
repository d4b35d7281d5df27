"""A recorded load as spans: a CSV of times, context tokens and generated tokens, as the Azure LLM inference traces have it."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger_collector.errors import StartError
from spanledger_collector.sender import attributes, request

SPANS_PER_REQUEST = 512
_FIRST_TOKEN_S = 0.3
_SECOND = 10**9


@dataclass(frozen=True)
class Call:
    at: float
    """Seconds after the first one."""
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Shape:
    """What the file does not say."""

    service: str
    provider: str
    model: str
    tokens_per_second: float
    """Of output; from it, and from 0.3 s to the first token, comes a call's duration."""


def read(path: Path) -> list[Call]:
    """The calls in order of time. Raises StartError, which names the line."""
    calls: list[Call] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        header = [name.strip().lower() for name in next(rows, [])]
        if len(header) < 3 or not header[0].startswith("timestamp"):
            raise StartError(f"{path}: the first line is to name the columns: TIMESTAMP,ContextTokens,GeneratedTokens")
        for number, row in enumerate(rows, 2):
            if not row:
                continue
            try:
                at, tokens, generated = _moment(row[0]), int(row[1]), int(row[2])
                if tokens < 0 or generated < 0:
                    raise ValueError("tokens are not negative")
            except (ValueError, IndexError) as error:
                raise StartError(f"{path}, line {number}: {error}") from error
            calls.append(Call(at, tokens, generated))
    if not calls:
        raise StartError(f"{path} has no calls")
    calls.sort(key=lambda call: call.at)
    return [Call(call.at - calls[0].at, call.input_tokens, call.output_tokens) for call in calls]


def replay(
    calls: list[Call],
    shape: Shape,
    speed: float,
    send: Callable[[bytes], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[int]:
    """Sends each call when its time has come, `speed` times as fast as recorded, and yields how many were sent at once.

    Speed 0 sends all of them now, dated as recorded, the last of them now.
    """
    begin = time.time()
    if not speed:
        for some in _batched(calls):
            send(_body(some, shape, [begin - calls[-1].at + call.at for call in some]))
            yield len(some)
        return
    waiting = list(reversed(calls))
    while waiting:
        sleep(max(begin + waiting[-1].at / speed - time.time(), 0.0))
        passed = (time.time() - begin) * speed
        due = [waiting.pop()]
        while waiting and waiting[-1].at <= passed and len(due) < SPANS_PER_REQUEST:
            due.append(waiting.pop())
        send(_body(due, shape, [begin + call.at / speed for call in due]))
        yield len(due)


def _batched(calls: list[Call]) -> Iterator[list[Call]]:
    for first in range(0, len(calls), SPANS_PER_REQUEST):
        yield calls[first : first + SPANS_PER_REQUEST]


def _body(calls: list[Call], shape: Shape, times: list[float]) -> bytes:
    return request(
        shape.service, "spanledger.replay", [_span(call, shape, at) for call, at in zip(calls, times, strict=True)]
    )


def _span(call: Call, shape: Shape, at: float) -> Span:
    start = int(at * _SECOND)
    return Span(
        trace_id=random.randbytes(16),
        span_id=random.randbytes(8),
        name=f"chat {shape.model}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int((_FIRST_TOKEN_S + call.output_tokens / shape.tokens_per_second) * _SECOND),
        attributes=attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": shape.provider,
                "gen_ai.request.model": shape.model,
                "gen_ai.usage.input_tokens": call.input_tokens,
                "gen_ai.usage.output_tokens": call.output_tokens,
            }
        ),
    )


def _moment(text: str) -> float:
    """Unix seconds of a time as `2023-11-16 18:15:46.6805900`, in UTC; digits beyond microseconds are cut."""
    whole, _, fraction = text.strip().partition(".")
    zone = ""
    for mark in ("Z", "+", "-"):
        if mark in fraction:
            fraction, _, rest = fraction.partition(mark)
            zone = "+00:00" if mark == "Z" else mark + rest
            break
    read = datetime.fromisoformat(f"{whole}{'.' + fraction[:6].ljust(6, '0') if fraction else ''}{zone}")
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
