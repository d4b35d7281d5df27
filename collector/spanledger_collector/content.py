"""Prompts and completions: kept only where the configuration says so (D13), by views that are there only then."""

from __future__ import annotations

import re

from spanledger_collector.config import ContentCapture
from spanledger_collector.contract import Contract
from spanledger_collector.errors import StartError
from spanledger_collector.literals import array, quote
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.store import CONTENT_VIEWS, Store

# Added to the place of a source that is an event: an attribute that says the same goes before it.
OF_EVENT = 128


def capture(store: Store, content: ContentCapture) -> None:
    """Have content captured, or not, and how long it is kept. Only with no segment half posted. Raises StartError.

    What was captured before capture was turned off is kept until its days are over.
    """
    for name in CONTENT_VIEWS:
        store.replace_view(name, view(name, store.contract) if content.capture else "")
    if not content.capture:
        return
    if store.embedded:
        store.keep("span_content", content.keep_days)
    elif store.days_kept("span_content") != content.keep_days:
        raise StartError(
            f"content.keep_days is {content.keep_days}, and the server keeps it for another time: run "
            f"`spanledger migrate --store … --keep span_content={content.keep_days}` as a user who may change tables"
        )


def view(name: str, contract: Contract) -> str:
    """The text of one of CONTENT_VIEWS."""
    return contract.render((SCHEMAS / f"{name}.sql").read_text(encoding="utf-8"), _lists(contract))


def _lists(contract: Contract) -> dict[str, str]:
    """What stands for each placeholder of the views."""
    said = contract.raw["messages"]
    directions = {name: number for number, name in enumerate(said["directions"], start=1)}
    numbers = {
        source: directions[name] << 8 | place
        for name, sources in said["sources"].items()
        for place, together in enumerate(sources)
        for source in ([together] if isinstance(together, str) else together)
    }
    numbered = [
        source.removesuffix(".#")
        for sources in said["sources"].values()
        for source in sources
        if isinstance(source, str) and source.endswith(".#")
    ]
    indexed = quote(rf"^({'|'.join(map(re.escape, numbered))})\.[0-9]")
    words = {word: kind for kind, named in said["parts"].items() for word in named}
    other = directions["other"] << 8
    return {
        # of an attribute `a`, (key, value)
        "number": f"toUInt32(transform(if(match(a.1, {indexed}), concat(extract(a.1, {indexed}), '.#'), a.1), "
        f"{array(numbers)}, {array(numbers.values())}, "
        f"if({contract.render('@is_content(a.1)')}, {other}, 0)))",
        "indexed": indexed,
        "content_sources": array(numbers),
        "of_event": str(OF_EVENT),
        **{name: str(directions[name]) for name in ("tools", "arguments", "result", "other")},
        "directions": array(directions.values()),
        "names_of_directions": array(directions),
        "kinds_of_directions": array(said["directions"][name]["kind"] for name in directions),
        "roles_of_directions": array(said["directions"][name]["role"] for name in directions),
        "role_sources": array(said["roles_of_sources"]),
        "roles_of_sources": array(said["roles_of_sources"].values()),
        "role_words": array(said["roles"]),
        "roles_of_words": array(said["roles"].values()),
        "part_words": array(words),
        "part_types": array(words.values()),
        **{name: array(said[name]) for name in ("lists", "texts", "systems", "part_members", "part_ids", "part_names")},
    }
