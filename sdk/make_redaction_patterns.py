"""Write `spanledger/redaction_patterns.py` from `schemas/redaction.yaml`: `python sdk/make_redaction_patterns.py [--check]`.

The SDK brings no YAML reader into an app, and is to find what the collector finds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent
FROM = ROOT.parent / "schemas" / "redaction.yaml"
TO = ROOT / "spanledger" / "redaction_patterns.py"


def module() -> str:
    """The text of the module."""
    lines = [
        '"""Made from schemas/redaction.yaml by `make redaction`: kind, pattern, check."""',
        "",
        "# fmt: off",
        "PATTERNS = (",
    ]
    for rule in yaml.safe_load(FROM.read_text(encoding="utf-8")):
        lines.append(f"    ({rule['kind']!r}, (")
        lines += [f"        {pattern!r}," for pattern in rule["patterns"]]
        lines.append(f"    ), {rule.get('check', '')!r}),")
    return "\n".join([*lines, ")", ""])


def main(check: bool) -> int:
    """0 where the module is what the YAML says, or is now."""
    text = module()
    if not check:
        TO.write_text(text, encoding="utf-8")
    elif not TO.exists() or TO.read_text(encoding="utf-8") != text:
        print(f"{TO.name} is not what redaction.yaml says: run `make redaction`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
