"""OpenAI's wire format: chat completions, responses and embeddings, whole or streamed."""

from __future__ import annotations

import base64
import json
from array import array
from collections.abc import Callable, Mapping
from typing import Any

from spanledger_demo.reply import Answer, Reply, Request, Usage

ERRORS = {
    400: ("invalid_request_error", "context_length_exceeded", "This model's maximum context length is 128000 tokens."),
    401: ("authentication_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again later."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("service_unavailable_error", None, "The engine is currently overloaded, please try again later."),
}
CREATED = 1_767_225_600
"""2026-01-01: no client reads it, and a fixed one keeps answers the same from run to run."""


def chat(request: Request, reply: Reply, new_id: Callable[[str, int], str]) -> Answer:
    id = new_id("chatcmpl-", 29)
    usage = _chat_usage(reply.usage)
    text = reply.usage.text
    head = {
        "id": id,
        "created": CREATED,
        "model": request.snapshot,
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }
    if not request.stream:
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        body = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        return Answer(id, body)

    include_usage = bool((request.body.get("stream_options") or {}).get("include_usage"))
    extra: dict[str, Any] = {"usage": None} if include_usage else {}

    def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _data({**head, "object": "chat.completion.chunk", "choices": [choice], **extra})

    frames = [chunk({"role": "assistant", "content": "", "refusal": None})]
    frames += [chunk({"content": piece}) for piece in pieces(text)]
    frames.append(chunk({}, "stop"))
    if include_usage:
        frames.append(_data({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    frames.append("data: [DONE]\n\n")
    return Answer(id, frames=tuple(frames), usage_sent=include_usage)


def responses(request: Request, reply: Reply, new_id: Callable[[str, int], str]) -> Answer:
    id, item_id, text = new_id("resp_", 48), new_id("msg_", 48), reply.usage.text

    def item(status: str, content: str | None) -> dict[str, Any]:
        parts = [] if content is None else [{"type": "output_text", "text": content, "annotations": [], "logprobs": []}]
        return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": parts}

    def response(status: str, output: list[dict[str, Any]], usage: Mapping[str, Any] | None) -> dict[str, Any]:
        return {
            "id": id, "object": "response", "created_at": CREATED, "status": status, "error": None,
            "incomplete_details": None, "instructions": None, "metadata": {}, "model": request.snapshot,
            "output": output, "parallel_tool_calls": True, "previous_response_id": None, "service_tier": "default",
            "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "usage": usage,
        }  # fmt: skip

    done = response("completed", [item("completed", text)], _responses_usage(reply.usage))
    if not request.stream:
        return Answer(id, done)

    place = {"item_id": item_id, "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response("in_progress", [], None)},
        {"type": "response.in_progress", "response": response("in_progress", [], None)},
        {"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", None)},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": p, "logprobs": []} for p in pieces(text)),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item("completed", text)},
        {"type": "response.completed", "response": done},
    ]
    frames = (f"event: {event['type']}\n{_data({**event, 'sequence_number': n})}" for n, event in enumerate(events))
    return Answer(id, frames=tuple(frames))


def embeddings(request: Request, reply: Reply, new_id: Callable[[str, int], str]) -> Answer:
    asked = request.body.get("input")
    count = len(asked) if isinstance(asked, list) and asked and not isinstance(asked[0], int) else 1
    vector = array("f", [0.0125] * int(request.body.get("dimensions") or 1536))
    if request.body.get("encoding_format") == "base64":
        embedding: str | list[float] = base64.b64encode(vector.tobytes()).decode()
    else:
        embedding = vector.tolist()
    data = [{"object": "embedding", "index": n, "embedding": embedding} for n in range(count)]
    usage = {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input}
    return Answer(body={"object": "list", "data": data, "model": request.snapshot, "usage": usage})


def refusal(reply: Reply, request_id: str) -> dict[str, Any]:
    kind, code, message = ERRORS.get(reply.status, ERRORS[500])
    if reply.code and reply.code != code:
        code, message = reply.code, f"Your request was refused: {reply.code}."
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def pieces(text: str) -> list[str]:
    """The text as a stream brings it: a few words at a time, at most about 24 times."""
    words = text.split(" ")
    step = -(-len(words) // 24)
    return [" ".join(words[i : i + step]) + " " for i in range(0, len(words), step)]


def _chat_usage(usage: Usage) -> dict[str, Any]:
    prompt = {"cached_tokens": usage.cache_read, "audio_tokens": usage.audio_in}
    if usage.cache_write_5m:
        prompt["cache_write_tokens"] = usage.cache_write_5m
    completion = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_out}
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {**completion, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    }


def _responses_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write_5m},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _data(event: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n"
