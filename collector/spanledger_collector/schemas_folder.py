"""Where `schemas/` is: inside the package once installed, beside it in a checkout."""

from pathlib import Path

_HERE = Path(__file__).parent
SCHEMAS = _HERE / "schemas" if (_HERE / "schemas").is_dir() else _HERE.parent.parent / "schemas"
