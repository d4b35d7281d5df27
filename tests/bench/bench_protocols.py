"""How fast the collector takes the same requests by each protocol, one after another in one run.

    cd tests && python -m bench.bench_protocols [--bodies 60]

Each is sent by two clients in this process, on the same cores as the collector; a run is over when every call is in a view.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx2
import numpy as np
from bench import load
from bench.bench_ingest import drained, platform
from collector.traffic import as_json
from spanledger_collector import otlp_json
from spanledger_collector.wire import Signal

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
Send = Callable[[bytes], object]
CLIENTS = 2
BODIES = 60  # made before the clock starts: to make JSON costs more than to read it


def over_http(port: int, media_type: str) -> Send:
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
    return lambda body: client.post("/v1/traces", content=body, headers={"content-type": media_type}).raise_for_status()


def over_grpc(port: int) -> Send:
    call: Callable[..., bytes] = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(EXPORT)
    return lambda body: call(body, timeout=60)


def sent(bodies: list[bytes], send: Callable[[], Send]) -> float:
    """Seconds until all are acknowledged."""

    def client(own: list[bytes]) -> None:
        post = send()
        for body in own:
            post(body)

    threads = [threading.Thread(target=client, args=(bodies[number::CLIENTS],)) for number in range(CLIENTS)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - begun


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bodies", type=int, default=BODIES, help="requests of 512 spans each (default %(default)s)")
    options = parser.parse_args(argv)
    kinds, rng = load.templates(512), np.random.default_rng(1)
    chosen = [kinds[number % len(kinds)] for number in range(options.bodies)]
    spans, calls = sum(kind.spans for kind in chosen), sum(kind.calls for kind in chosen)
    texts = [as_json(kind.body) for kind in chosen]
    begun = time.process_time()
    for text in texts:
        otlp_json.to_protobuf(Signal.TRACES, text)
    print(f"JSON to protobuf alone, one core   {spans / (time.process_time() - begun):10,.0f} spans/s")
    with tempfile.TemporaryDirectory() as folder, platform(Path(folder), "--grpc-port", "0") as running:
        ways: dict[str, Callable[[], Send]] = {
            "protobuf": lambda: over_http(running.otlp, "application/x-protobuf"),
            "json": lambda: over_http(running.otlp, "application/json"),
            "grpc": lambda: over_grpc(running.grpc),
        }
        seen = 0
        for name, way in {"(warm-up)": ways["protobuf"], **ways}.items():
            bodies = [kind.fresh(rng) for kind in chosen]
            seconds = sent(list(map(as_json, bodies)) if name == "json" else bodies, way)
            seen += calls
            rest = drained(running.client, seen)
            print(
                f"{name:10} acknowledged {spans / seconds:10,.0f} spans/s, stored and visible {spans / (seconds + rest):10,.0f} spans/s"
            )


if __name__ == "__main__":
    main()
