"""YAML files, read and written: the only file that knows PyYAML."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml


class YamlError(ValueError):
    """The text is no YAML, or says something twice; the message names the line."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, Hashable) and name in seen:
                raise YamlError(f"line {key.start_mark.line + 1}: {name} is given twice")
            seen.add(name)
        return super().construct_mapping(node, deep)


def read(path: Path) -> Any:
    """What a YAML file says; None where it is empty. Raises OSError, and YamlError for what is none."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise YamlError(f"{where}{error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(str(error).replace("\n", " ")) from error


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True  # what is said twice is written twice


def write(value: Any) -> str:
    """`value` as YAML, its keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
