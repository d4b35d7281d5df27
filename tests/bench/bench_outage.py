"""Ten million spans through one process whose collector is down: memory, time a span, and every drop counted.

python tests/bench/bench_outage.py [SPANS] [--disk]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import spanledger
from opentelemetry.sdk.trace import TracerProvider

NOBODY = "http://127.0.0.1:9"


def resident() -> float:
    """Megabytes."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def main() -> None:
    numbers = [argument for argument in sys.argv[1:] if argument.isdecimal()]
    spans = int(numbers[0]) if numbers else 10_000_000
    disk = Path(tempfile.mkdtemp()) / "queue" if "--disk" in sys.argv else None
    provider = TracerProvider(shutdown_on_exit=False)
    spanledger.instrument(endpoint=NOBODY, tracer_provider=provider, disk_queue=disk)
    tracer = provider.get_tracer("openlit.bench")
    print(f"{'spans':>12}{'us a span':>12}{'RSS MB':>10}{'queued':>9}{'on disk':>10}{'dropped':>12}")
    step = max(spans // 10, 1)
    done = 0
    while done < spans:
        began = time.thread_time()
        for _ in range(step):
            tracer.start_span("chat", attributes={"gen_ai.operation.name": "chat"}).end()
        done += step
        each = (time.thread_time() - began) / step * 1e6
        stats = spanledger.stats()
        lost = sum(stats.dropped.values())
        assert stats.emitted == done
        assert stats.queued + stats.on_disk + lost == done or disk is not None
        print(
            f"{done:>12,}{each:>12.1f}{resident():>10.0f}{stats.queued:>9,}{stats.on_disk:>10,}{lost:>12,}", flush=True
        )
    began = time.monotonic()
    spanledger.flush(0.1)
    outbox = spanledger.lifecycle._session.outbox  # type: ignore[union-attr]
    spanledger.shutdown()
    stats = outbox.stats()
    lost = sum(stats.dropped.values())
    print(f"shut down in {time.monotonic() - began:.1f} s: {lost:,} dropped + {stats.on_disk:,} on disk of {stats.emitted:,}; "
          f"{dict(stats.dropped)}")  # fmt: skip
    assert lost + stats.on_disk == stats.emitted == done


if __name__ == "__main__":
    main()
