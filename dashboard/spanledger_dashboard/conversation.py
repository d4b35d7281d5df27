"""Prompts and completions, where they are captured: messages by role, with the tools that were called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import streamlit as st

from spanledger_dashboard import ask, parts
from spanledger_dashboard.palette import Palette

_NOT_CAPTURED = (
    " Prompts and completions are off by default: start the collector with `--capture-content`, and have the app send them "
    "(docs/privacy.md)."
)


def messages_of(value: Any) -> list[dict[str, Any]]:
    """Messages as OpenTelemetry's GenAI conventions have them, `[{role, parts: [{type, content, …}]}]`, of JSON or of rows."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return [{"role": "", "parts": [{"type": "text", "content": value}]}] if value else []
    return (
        [dict(message) for message in value if isinstance(message, Mapping)] if isinstance(value, list | tuple) else []
    )


def news(messages: list[dict[str, Any]], shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is not repeated of what was said before: apps send the conversation so far with each call. One message that begins as the
    conversation did may begin another."""
    same = 0
    while same < min(len(messages), len(shown)) and _words(messages[same]) == _words(shown[same]):
        same += 1
    return messages[same:] if same > 1 or same == len(shown) else messages


def _words(message: Mapping[str, Any]) -> dict[str, Any]:
    """An answer comes again as a part of the next request: what it was then is no difference."""
    return {name: value for name, value in message.items() if name != "kind"}


def show(messages: Iterable[Mapping[str, Any]], colours: Palette) -> None:
    body = "".join(markup(message) for message in messages)
    st.html(f"""<style>
    .sl-said {{ border-left: 3px solid {colours.line}; padding: .1rem 0 .1rem .8rem; margin: .5rem 0;
        color: {colours.text}; font-size: .9rem; }}
    .sl-said.user {{ border-color: {colours.accent}; }} .sl-said.assistant {{ border-color: {colours.good}; }}
    .sl-said p small {{ color: {colours.muted}; }}
    .sl-said b {{ color: {colours.muted}; font-size: .78rem; font-weight: 600; }}
    .sl-said p {{ margin: .1rem 0; font-size: .9rem; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; }}
    .sl-said pre {{ background: {colours.panel}; border-radius: 6px; padding: .4rem .6rem; margin: .2rem 0; white-space: pre-wrap;
        overflow-wrap: anywhere; font-size: .82rem; }}
    </style>{body}""")


def markup(message: Mapping[str, Any]) -> str:
    role = str(message.get("role") or "unknown")
    known = role if role in {"user", "assistant", "system", "tool"} else "other"
    pieces = message.get("parts")
    shown = [_part(part) for part in pieces if isinstance(part, Mapping)] if isinstance(pieces, list | tuple) else []
    return f'<div class="sl-said {known}"><b>{escape(role.capitalize())}</b>{"".join(shown)}</div>'


def _part(part: Mapping[str, Any]) -> str:
    kind = str(part.get("type") or "text")
    if kind == "tool_call":
        name = f"calls {part.get('name') or 'a tool'}"
        return f"<p><small>{escape(name)}</small></p><pre>{escape(_text(part.get('arguments', part.get('content'))))}</pre>"
    if kind == "tool_call_response":
        answer = part.get("response", part.get("result", part.get("content")))
        return f"<p><small>the tool answers</small></p><pre>{escape(_text(answer))}</pre>"
    if kind in {"text", "reasoning"}:
        note = "<small>reasoning</small> " if kind == "reasoning" else ""
        return f"<p>{note}{escape(_text(part.get('content')))}</p>"
    return f"<p><small>{escape(kind)}</small> {escape(_text(part.get('content')))}</p>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)


def not_captured(some: bool = False) -> None:
    """`some`: only of some of what is shown."""
    if some:
        parts.note("Of the other turns nothing that was said is kept.")
        return
    parts.note(("Not captured, or not for this key to read." if ask.read_key() else "Not captured.") + _NOT_CAPTURED)
