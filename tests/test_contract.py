"""What is made of schemas/attributes.yaml: the SDK holds back what the collector does, and the page of attributes says all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanledger.conventions import is_content
from spanledger_collector.contract import ARROW, Contract

ROOT = Path(__file__).parents[1]
CONTRACT = Contract.load()
FIELDS = {source for field in CONTRACT.fields for source in field.sources if ARROW not in source}
CONTENT = [
    *CONTRACT.raw["content"]["names"],
    *(prefix.replace("#", "7") for prefix in CONTRACT.raw["content"]["prefixes"]),
    *CONTRACT.raw["content"]["alone"],
    *(f"gen_ai.some.{word}" for word in CONTRACT.raw["content"]["words"]),
    *(f"{namespace}:some_output" for namespace in CONTRACT.raw["content"]["namespaces"]),
    *(f"{prefix}output" for prefix in CONTRACT.raw["content"]["not"]),
]


@pytest.mark.parametrize("script", ["sdk/make_from_schemas.py", "collector/make_attributes_page.py"])
def test_what_is_made_of_the_schemas_is_up_to_date(script: str) -> None:
    made = subprocess.run([sys.executable, ROOT / script, "--check"], capture_output=True, text=True)
    assert (made.returncode, made.stderr) == (0, "")


@given(st.sampled_from(CONTENT + sorted(FIELDS)), st.sampled_from(["", ".", ".0", "0", ".content", "s", "x"]))
def test_the_sdk_holds_back_what_the_collector_would_not_keep(name: str, more: str) -> None:
    key = name + more
    assert is_content(key) == (CONTRACT.is_content(key) and key not in FIELDS)


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_the_sdk_sends_every_attribute_that_feeds_a_column(key: str) -> None:
    assert not is_content(key)


def test_the_page_of_attributes_has_every_attribute_and_says_what_it_means() -> None:
    page = (ROOT / "docs" / "attributes.md").read_text(encoding="utf-8")
    table = page.partition("## Attributes from A to Z")[2]
    rows = {
        row.split(" | ")[0].removeprefix("| "): row.split(" | ")[1]
        for row in table.splitlines()
        if row.startswith("| `")
    }
    assert set(rows) == {f"`{source}`" for field in CONTRACT.fields for source in field.sources}
    assert all(rows.values())
    assert all(f"`{name}`" in page for name in CONTRACT.raw["content"]["names"])
