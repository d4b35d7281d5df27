"""What the API says of itself: parameters for OpenAPI, and a page for a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from spanledger_collector.api.request import FORMATS, PAGED
from spanledger_collector.api.values import Parameter

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>spanledger API</title><style>
:root{color-scheme:light dark}
body{font:15px/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
section{border-top:1px solid #8884;padding:.6rem 0} h2{font-size:1.05rem}
td{padding:.1rem 1.2rem .1rem 0} small{opacity:.7}
</style>"""


def documented(parameters: Sequence[Parameter], required: bool = True) -> dict[str, Any]:
    schemas = {"format": {"type": "string", "enum": list(FORMATS)}}
    return {
        "parameters": [
            {
                "name": p.name,
                "in": "query",
                "required": required and p.required and p not in PAGED,
                "schema": schemas.get(p.name, p.schema),
            }
            for p in parameters
        ]
    }


def page_of(openapi: Mapping[str, Any]) -> str:
    """The API for a reader: one page, and nothing from anywhere else."""
    parts = []
    for path, methods in openapi["paths"].items():
        [operation] = methods.values()
        rows = "".join(_row(parameter) for parameter in operation.get("parameters", []))
        parts.append(
            f"<section><h2><code>GET /api/v1{escape(path)}</code></h2><p><b>{escape(operation['summary'])}</b></p>"
            f"<p>{escape(operation.get('description', ''))}</p><table>{rows}</table></section>"
        )
    described = escape(openapi["info"]["description"])
    head = f'<h1>spanledger API</h1><p>{described}</p><p>For machines: <a href="openapi.json">openapi.json</a>.</p>'
    return _HEAD + head + "".join(parts) + "</html>"


def _row(parameter: Mapping[str, Any]) -> str:
    name, optional = escape(parameter["name"]), "" if parameter.get("required") else " <small>optional</small>"
    return f"<tr><td><code>{name}</code>{optional}</td><td>{escape(_kind(parameter['schema']))}</td></tr>"


def _kind(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])}, any number of times"
    return str(schema.get("format") or " | ".join(schema.get("enum", [])) or schema.get("type", "string"))
