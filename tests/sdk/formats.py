"""Wire formats beside OpenAI chat and Anthropic: OpenAI responses, Gemini, Bedrock converse, Cohere, Ollama, Groq, Mistral.

Every answer has used 1,200 input tokens, 1,024 of them from a cache where the format can say so, and 85 output tokens, 40
of them reasoning where it can.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from typing import Any
from zlib import crc32

TEXT = ("the ", "secret ", "answer")
TOOL_MESSAGE = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    ],
}

Raw = tuple[str, bytes]
"""Content type, body."""


def model_in_path(path: str) -> str:
    found = re.search(r"/models?/([^/?]+)", path)
    return found.group(1).partition(":")[0] if found else ""


def asks_for_tool(request: dict[str, Any]) -> bool:
    """Whether tools are offered and none has answered yet."""
    said = request.get("messages") or request.get("input") or []
    answered = any(isinstance(m, dict) and (m.get("role") == "tool" or "output" in m) for m in said)
    return bool(request.get("tools")) and not answered


def answer(path: str, request: dict[str, Any], usage: dict[str, Any]) -> Raw | None:
    """None where the path is not of one of these formats."""
    formats: dict[str, Callable[[], Raw]] = {
        r"/v1/responses$": lambda: _responses(request),
        r":generateContent": lambda: _json(_gemini("".join(TEXT), "STOP")),
        r":streamGenerateContent": lambda: _gemini_stream(),
        r"/converse$": lambda: _json(_CONVERSE),
        r"/converse-stream$": lambda: _converse_stream(),
        r"/v2/chat$": lambda: _cohere_stream() if request.get("stream") else _json(_COHERE),
        r"/api/chat$": lambda: _ollama(request),
        r"/(groq/openai|mistral)/v1/chat/completions$": lambda: _openai_like(request, usage),
    }
    return next((make() for pattern, make in formats.items() if re.search(pattern, path)), None)


def _json(body: object) -> Raw:
    return "application/json", json.dumps(body).encode()


def _sse(events: list[dict[str, Any]], *, named: bool = False, end: str = "") -> Raw:
    lines = [(f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in events]
    return "text/event-stream", ("".join(lines) + end).encode()


def _responses(request: dict[str, Any]) -> Raw:
    if asks_for_tool(request):
        call = {"name": "weather", "arguments": '{"city": "Bern"}', "status": "completed"}
        item: dict[str, Any] = {"type": "function_call", "id": "fc_1", "call_id": "call_1", **call}
    else:
        part = {"type": "output_text", "text": "".join(TEXT), "annotations": []}
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "input_tokens": 1200,
        "input_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 0},
        "output_tokens": 85,
        "output_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 1285,
    }
    common = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": request["model"], "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None, "instructions": None,
        "metadata": {}, "temperature": 1.0, "top_p": 1.0,
    }  # fmt: skip
    done = {**common, "status": "completed", "output": [item], "usage": usage}
    if not request.get("stream"):
        return _json(done)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**common, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
    ]
    if item["type"] == "message":
        empty = {"type": "output_text", "text": "", "annotations": []}
        events[1]["item"]["content"] = []
        events.append({"type": "response.content_part.added", **place, "part": empty})
        events += [{"type": "response.output_text.delta", **place, "delta": t, "logprobs": []} for t in TEXT]
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": done})
    return _sse([{**event, "sequence_number": n} for n, event in enumerate(events)], named=True)


def _gemini(text: str, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    usage = {"promptTokenCount": 1200, "totalTokenCount": 1285, "cachedContentTokenCount": 1024}
    if finish:
        candidate["finishReason"] = finish
        usage |= {"candidatesTokenCount": 45, "thoughtsTokenCount": 40}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "g1"}


def _gemini_stream() -> Raw:
    return _sse([_gemini(text, "STOP" if text == TEXT[-1] else None) for text in TEXT])


_BEDROCK_USAGE = {"inputTokens": 176, "outputTokens": 85, "totalTokens": 1285, "cacheReadInputTokens": 1024}
_CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "".join(TEXT)}]}},
    "stopReason": "end_turn",
    "usage": {**_BEDROCK_USAGE, "cacheWriteInputTokens": 0},
    "metrics": {"latencyMs": 1},
}


def _converse_stream() -> Raw:
    def message(kind: str, body: object) -> bytes:
        headers = b""
        for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
            headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        payload = json.dumps(body).encode()
        start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
        framed = start + struct.pack(">I", crc32(start)) + headers + payload
        return framed + struct.pack(">I", crc32(framed))

    events: list[tuple[str, object]] = [("messageStart", {"role": "assistant"})]
    events += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}) for text in TEXT]
    events += [("contentBlockStop", {"contentBlockIndex": 0}), ("messageStop", {"stopReason": "end_turn"})]
    events += [("metadata", {"usage": _BEDROCK_USAGE, "metrics": {"latencyMs": 1}})]
    return "application/vnd.amazon.eventstream", b"".join(message(kind, body) for kind, body in events)


_COHERE_USAGE = {
    "billed_units": {"input_tokens": 1200, "output_tokens": 85},
    "tokens": {"input_tokens": 1200, "output_tokens": 85},
}
_COHERE = {
    "id": "c1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "".join(TEXT)}]},
    "usage": _COHERE_USAGE,
}


def _cohere_stream() -> Raw:
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    ]
    events += [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}} for text in TEXT
    ]
    events += [{"type": "content-end", "index": 0}]
    events += [{"type": "message-end", "id": "c1", "delta": {"finish_reason": "COMPLETE", "usage": _COHERE_USAGE}}]
    return _sse(events, named=True, end="data: [DONE]\n\n")


def _ollama(request: dict[str, Any]) -> Raw:
    def line(text: str, **more: Any) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        stamp = "2026-11-24T10:00:00Z"
        return {"model": request["model"], "created_at": stamp, "message": message, "done": False, **more}

    ended = {"done": True, "done_reason": "stop", "prompt_eval_count": 1200, "eval_count": 85, "total_duration": 9}
    if not request.get("stream"):
        return _json(line("".join(TEXT), **ended))
    lines = [*(line(text) for text in TEXT), line("", **ended)]
    return "application/x-ndjson", b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def _openai_like(request: dict[str, Any], usage: dict[str, Any]) -> Raw:
    """Streams say their usage unasked: Mistral in the last chunk, Groq there too, under `x_groq`."""
    common = {"id": "c-1", "created": 1, "model": request["model"]}
    if not request.get("stream"):
        message = TOOL_MESSAGE if asks_for_tool(request) else {"role": "assistant", "content": "".join(TEXT)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return _json({**common, "object": "chat.completion", "choices": [choice], "usage": usage})
    common["object"] = "chat.completion.chunk"
    chunks: list[dict[str, Any]] = [
        {**common, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]}
        for text in TEXT
    ]
    last = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    chunks.append({**common, "choices": [last], "usage": usage, "x_groq": {"id": "req_1", "usage": usage}})
    return _sse(chunks, end="data: [DONE]\n\n")
