"""The error classes of `schemas/error_classes.yaml`: what kind of failure an `error.type` stands for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from spanledger_collector import yaml_file
from spanledger_collector.schemas_folder import SCHEMAS


@cache
def error_classes() -> dict[str, str]:
    """Error type, in lower case, to its class. Raises ValueError where one is in two classes."""
    found: dict[str, str] = {}
    families: dict[str, str] = {}
    for name, types in yaml_file.read(SCHEMAS / "error_classes.yaml").items():
        for error_type in types:
            of_many = error_type.endswith("xx")
            members = [error_type[0] + f"{last:02}" for last in range(100)] if of_many else [error_type]
            for member in members:
                if not of_many and member in found:
                    raise ValueError(f"error_classes.yaml: {member} is in both {found[member]} and {name}")
                (families if of_many else found)[member] = name
    return families | found


def told_apart(classes: Iterable[str]) -> list[str]:
    """The error types that decide what is in `classes`: their members; with `unknown` among them, all that is in none, those
    of the other classes."""
    chosen = set(classes)
    return sorted(member for member, name in error_classes().items() if (name in chosen) != ("unknown" in chosen))


def class_names() -> tuple[str, ...]:
    """Every class, in the order of the file."""
    return tuple(yaml_file.read(SCHEMAS / "error_classes.yaml"))
