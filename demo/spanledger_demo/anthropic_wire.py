"""Anthropic's wire format: messages, whole or streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from spanledger_demo.openai_wire import pieces
from spanledger_demo.reply import Answer, Reply, Request, Usage

ERRORS = {
    400: ("invalid_request_error", "prompt is too long: 215000 tokens > 200000 maximum"),
    401: ("authentication_error", "invalid x-api-key"),
    404: ("not_found_error", "model not found"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def messages(request: Request, reply: Reply, new_id: Callable[[str, int], str]) -> Answer:
    id, text, usage = new_id("msg_01", 22), reply.usage.text, _usage(reply.usage)
    head: dict[str, Any] = {"id": id, "type": "message", "role": "assistant", "model": request.snapshot}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    if not request.stream:
        return Answer(id, {**head, "content": [{"type": "text", "text": text}], **end, "usage": usage})

    begin: dict[str, Any] = {
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, **begin}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces(text)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": end,
            "usage": {key: usage[key] for key in usage if key not in ("cache_creation", "service_tier")},
        },
        {"type": "message_stop"},
    ]
    frames = (f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n" for event in events)
    return Answer(id, frames=tuple(frames))


def refusal(reply: Reply, request_id: str) -> dict[str, Any]:
    kind, message = ERRORS.get(reply.status, ERRORS[500])
    return {"type": "error", "error": {"type": reply.code or kind, "message": message}, "request_id": request_id}


def _usage(usage: Usage) -> dict[str, Any]:
    # Anthropic's input_tokens leaves out what was read from or written to the cache.
    return {
        "input_tokens": usage.input_uncached,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        "service_tier": "standard",
    }
