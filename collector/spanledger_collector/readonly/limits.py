"""What one query, and all queries together, may use."""

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Caps of the read-only interface; each query that passes one of them fails alone.

    `seconds`: run time of a query. `memory_bytes`: of a query, inside the engine. `threads`: of a query.
    `result_rows`, `result_bytes`: of an answer, before compression. `temporary_disk_bytes`: what a query may spill.
    `statement_bytes`: of a statement. `running`: queries at once. `waiting`: queries that wait for a turn, no longer
    than `seconds` each; a query beyond that is refused. `handles`: engine handles kept open.
    """

    seconds: float = 20.0
    memory_bytes: int = 256 * _MIB
    threads: int = 2
    result_rows: int = 1_000_000
    result_bytes: int = 64 * _MIB
    temporary_disk_bytes: int = 1024 * _MIB
    statement_bytes: int = 256 * 1024
    running: int = 4
    waiting: int = 32
    handles: int = 12

    def __post_init__(self) -> None:
        if self.running < 1 or self.waiting < 0 or self.seconds <= 0:
            raise ValueError("limits: at least one query must be able to run, for some time")
        if self.handles < self.running:
            raise ValueError(f"limits: {self.running} queries at once need as many handles, not {self.handles}")

    def settings(self) -> dict[str, str]:
        """The engine's settings that enforce these caps, to be SET on a handle before `readonly`."""
        return {
            "max_execution_time": str(self.seconds),
            "timeout_overflow_mode": "throw",
            "max_memory_usage": str(self.memory_bytes),
            "max_threads": str(self.threads),
            "max_result_rows": str(self.result_rows),
            "max_result_bytes": str(self.result_bytes),
            "result_overflow_mode": "throw",
            "max_temporary_data_on_disk_size_for_query": str(self.temporary_disk_bytes),
            "max_query_size": str(4 * self.statement_bytes),
            # range() builds its array in one uninterruptible step.
            "function_range_max_elements_in_block": "10000000",
        }
