"""The code of docs/quickstarts.md, and the environment in which it calls the fake provider."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "quickstarts.md"


def quickstarts() -> dict[str, str]:
    """Heading to code."""
    found = re.findall(r"^## (.+?)\n.*?```python\n(.*?)```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return dict(found)


def environment(url: str) -> dict[str, str]:
    keys = ("ANTHROPIC", "CO", "GEMINI", "GROQ", "MISTRAL", "OPENAI")
    return {
        **{f"{name}_API_KEY": "k" for name in keys},
        "ANTHROPIC_BASE_URL": url,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_ENDPOINT_URL": url,
        "AWS_SECRET_ACCESS_KEY": "k",
        "CO_API_URL": url,
        "GOOGLE_GEMINI_BASE_URL": url,
        "GROQ_BASE_URL": f"{url}/groq",
        "MISTRAL_SERVER_URL": f"{url}/mistral",
        "OLLAMA_HOST": url,
        "OPENAI_API_BASE": f"{url}/v1",
        "OPENAI_BASE_URL": f"{url}/v1",
    }
