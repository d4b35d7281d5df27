"""The recorded spans (tests/golden), what was really asked and answered in each, and what each dialect says of it.

`python -m collector.pipeline.recorded` (from tests/) writes the table of docs/dialects.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.pipeline.otlp import envelope
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector import yaml_file
from spanledger_collector.envelope import Envelope

GOLDEN = Path(__file__).parents[2] / "golden"
DOCS = Path(__file__).parents[3] / "docs" / "dialects.md"
BEGIN, END = "<!-- the table: written by `make dialects` -->", "<!-- the end of the table -->"
REASONS = ("not carried", "wrong at the source")
SAMPLES = sorted(path.name.removesuffix(".otlp.pb") for path in GOLDEN.glob("*.otlp.pb"))
_CALLS: Mapping[str, Any] = yaml_file.read(GOLDEN / "calls.yaml")


def body(sample: str) -> bytes:
    return (GOLDEN / f"{sample}.otlp.pb").read_bytes()


def spans(sample: str) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body(sample))
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def received(sample: str) -> Envelope:
    """A sample as it was received, at the end of its last span."""
    return envelope(body(sample), max(span.end_time_unix_nano for span in spans(sample)))


@dataclass(frozen=True)
class Call:
    """A recorded span: the `step` that made it, the `truth` (column to value), and where the row differs: column to
    (value, one of REASONS)."""

    span_id: str
    step: str
    truth: Mapping[str, Any]
    differs: Mapping[str, tuple[Any, str]]

    @property
    def row(self) -> dict[str, Any]:
        """What the stored row says, column by column."""
        return {**self.truth, **{column: value for column, (value, _) in self.differs.items()}}


def calls(sample: str) -> Iterator[Call]:
    """Every span of a sample. Raises KeyError for a truth that calls.yaml does not have."""
    for span_id, said in _CALLS["samples"][sample]["spans"].items():
        truth = {**_CALLS["truths"][said["truth"]], **said.get("asked", {})}
        differs = {
            column: (None if isinstance(truth[column], int) else "", reason)
            if isinstance(reason, str)
            else tuple(reason)
            for column, reason in said.get("but", {}).items()
        }
        yield Call(span_id, said["step"], truth, differs)


def table() -> str:
    """Dialect by column: does every recorded call say it?"""
    columns = list(next(iter(_CALLS["truths"].values())))
    lines = ["| | " + " | ".join(f"`{column}`" for column in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for sample in SAMPLES:
        recorded = list(calls(sample))
        cells = []
        for column in columns:
            told = [
                call.differs.get(column, (None, "yes"))[1]
                for call in recorded
                if call.truth.get(column) not in (None, "")
            ]
            kinds = [kind for kind in ("yes", *REASONS) if kind in told]
            cells.append("; ".join(kinds if len(kinds) == 1 else [f"{kind} ({told.count(kind)})" for kind in kinds]))
        lines.append(f"| {_CALLS['samples'][sample]['dialect']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """The text of docs/dialects.md with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    DOCS.write_text(with_table(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
