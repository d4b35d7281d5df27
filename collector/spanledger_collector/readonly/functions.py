"""Which functions a statement may call: every function of the engine was judged once, by name.

`functions_allowed.txt` and `functions_denied.txt` are the judgement (the latter with its reasons); what is in neither
is not called. A test fails when an engine has a function that nobody has judged.
"""

from __future__ import annotations

from importlib.resources import files

COMBINATORS = (
    "SimpleState", "OrDefault", "Distinct", "Resample", "ForEach", "ArgMax", "ArgMin", "OrNull", "Tuple", "Merge",
    "State", "Array", "Null", "Map", "If",
)  # fmt: skip

TABLE_FUNCTIONS = frozenset({
    "generate_series", "generateseries", "null", "numbers", "numbers_mt", "sqlstandardvalues", "values", "view",
    "zeros", "zeros_mt",
})  # fmt: skip
"""Table functions that read nothing but their arguments, in lower case."""


def _names(file: str) -> list[str]:
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    return [line.partition(":")[0] for line in text.splitlines()]


DENIED = frozenset(name.lower() for name in _names("functions_denied.txt"))
# `lambda` is what `x -> …` is called in the tree; the engine does not list it.
ALLOWED = frozenset(name.lower() for name in _names("functions_allowed.txt")) | {"lambda"}


def is_allowed(name: str) -> bool:
    """Whether a statement may call `name`, an aggregate function with its combinators (`sumOrNullIf`) included."""
    if name.lower() in DENIED:
        return False
    while name.lower() not in ALLOWED:
        for combinator in COMBINATORS:
            if name.endswith(combinator) and name != combinator:
                name = name.removesuffix(combinator)
                break
        else:
            return False
    return True
