"""`python -m spanledger doctor --app`: the one command that comes with the SDK alone."""

from __future__ import annotations

import sys

from spanledger.doctor import diagnose

_USAGE = """usage: spanledger doctor --app

Looks at the environment that an app runs in: settings, client libraries and their instrumentors, other tracing that
would count a call twice, the collector and the key. Run it with the app's own Python and variables.

The exit code is 0 where nothing is wrong, 1 where something is, 2 for a wrong argument."""


def main(arguments: list[str]) -> int:
    if "--help" in arguments:
        print(_USAGE)
        return 0
    if sorted(arguments) != ["--app", "doctor"]:
        print(_USAGE, file=sys.stderr)
        return 2
    failed = False
    for finding in diagnose():
        print(finding)
        failed |= finding.mark == "FAIL"
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
