"""`spanledger` on the command line: a process of its own each time, forked from one that has imported what takes a second to import."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from spanledger_collector.__main__ import main

SECONDS = 60
"""What a command may take."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["spanledger_collector.cli", "pytest"])  # a child imports what began its parent: pytest


def spanledger(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SPANLEDGER_")}
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin)
        process = _FORKS.Process(target=_run, args=(arguments, {**clean, "COLUMNS": "120", **environment}, streams))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, SECONDS)
        return subprocess.CompletedProcess(arguments, process.exitcode, *(file.read_text() for file in streams[1:]))


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed command says: one line, exit code 1, nothing else."""
    assert done.returncode == 1, done
    assert done.stdout == "" and done.stderr.startswith("spanledger: ")
    [line] = done.stderr.splitlines()
    return line


def _run(arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[Path]) -> None:
    for descriptor, (path, mode) in enumerate(zip(streams, "rww", strict=True)):
        with path.open(mode) as file:
            os.dup2(file.fileno(), descriptor)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["spanledger", *arguments]
    main()
