"""SDKs for LLM observability side by side: what each adds to a call, to the start of an app, to its disk and memory.

    python tests/bench/bench_sdks.py FOLDER            # a venv each under FOLDER, made if it is not there

Every SDK runs in a process and an environment of its own, set up as its documentation says, with the same `openai` client,
which gets the same answer from memory where it would go to the network. Spans are exported for real, to a receiver in this
process. The call is timed on the caller's thread (`time.thread_time`), so what exporters do in the background is no part of it;
processes take turns, and the figure is the median over rounds of the tenth percentile of 300 calls.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import venv
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "bare": ["openai>=3"],
    "spanledger": ["openai>=3", f"{ROOT}[openai]"],
    "openlit": ["openai>=3", "openlit"],
    "langfuse": ["openai>=3", "langfuse"],
    "logfire": ["openai>=3", "logfire"],
    "traceloop": ["openai>=3", "traceloop-sdk"],
}
ROUNDS = 3

CHILD = r"""
import importlib.metadata, json, os, resource, sys, time
name, url = sys.argv[1:]
import openai
from openai import OpenAI
try:
    import httpx2 as httpx
except ImportError:
    import httpx
before = set(sys.modules)
began = time.perf_counter()
if name == "spanledger":
    import spanledger
    spanledger.instrument(endpoint=url, service="bench")
elif name == "openlit":
    import openlit
    openlit.init(otlp_endpoint=url, application_name="bench")
elif name == "langfuse":
    os.environ |= {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGFUSE_BASE_URL": url, "LANGFUSE_HOST": url}
    from langfuse.openai import OpenAI
    from langfuse import get_client
    get_client()
elif name == "logfire":
    import logfire
    logfire.configure(token="t", service_name="bench", console=False, inspect_arguments=False,
                      advanced=logfire.AdvancedOptions(base_url=url))
    logfire.instrument_openai()
elif name == "traceloop":
    from traceloop.sdk import Traceloop
    Traceloop.init(app_name="bench", api_endpoint=url, api_key="k", telemetry_enabled=False)
booted = time.perf_counter() - began
BODY = json.dumps({"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-2024-08-06", "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1200, "completion_tokens": 85, "total_tokens": 1285}}).encode()
answer = lambda request: httpx.Response(200, content=BODY, headers={"content-type": "application/json"})
client = OpenAI(api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(answer)))
def call():
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
for _ in range(30):
    call()
times = []
for _ in range(300):
    begun = time.thread_time_ns()
    call()
    times.append((time.thread_time_ns() - begun) / 1000)
rss = int([line for line in open("/proc/self/status") if line.startswith("VmRSS")][0].split()[1]) / 1024
print("ANSWER" + json.dumps({"boot": booted, "call": sorted(times)[len(times) // 10], "rss": rss,
    "modules": len(sys.modules) - len(before)}))
"""


class Receiver(BaseHTTPRequestHandler):
    """Takes everything, and counts it."""

    protocol_version = "HTTP/1.1"
    received = 0

    def do_POST(self) -> None:
        Receiver.received += len(self.rfile.read(int(self.headers.get("content-length", 0))))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815 - the name is http.server's

    def log_message(self, format: str, *args: object) -> None:
        pass


def prepare(folder: Path, name: str) -> Path | None:
    """The Python of an environment with the SDK in it; None where it cannot be installed."""
    home = folder / f"venv-{name}"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES[name]]
        if subprocess.run(command).returncode:
            return None
    return python


def installed(python: Path) -> tuple[int, float]:
    """Distributions, and megabytes of site-packages."""
    [packages] = (python.parents[1] / "lib").glob("python*/site-packages")
    size = sum(
        path.lstat().st_size for path in packages.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return len(list(packages.glob("*.dist-info"))), size / 1e6


def run(python: Path, name: str, url: str) -> dict[str, float] | None:
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHONPATH", "SPANLEDGER_"))
    }
    before = Receiver.received
    done = subprocess.run([str(python), "-c", CHILD, name, url], capture_output=True, text=True, env=clean, timeout=300)
    answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    if not answers:
        print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    figures: dict[str, float] = json.loads(answers[-1].removeprefix("ANSWER"))
    return figures | {"exported": Receiver.received - before}


def main() -> None:
    folder = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    pythons = {name: python for name in PACKAGES if (python := prepare(folder, name))}
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(ROUNDS):
        for name, python in pythons.items():
            if answer := run(python, name, url):
                figures[name].append(answer)
    bare = {key: median(one[key] for one in figures["bare"]) for key in figures["bare"][0]}
    count, size = installed(pythons["bare"])
    print(
        "| | Added to a call (us) | Boot (s) | RSS added (MB) | Distributions added | MB added | Exported (kB a run) |"
    )
    print("|---|---|---|---|---|---|---|")
    print(
        f"| no SDK | ({bare['call']:.0f} in all) | | ({bare['rss']:.0f} in all) | ({count} in all) | ({size:.0f} in all) | |"
    )
    for name, found in figures.items():
        if name == "bare":
            continue
        if not found:
            print(f"| {name} | does not start | | | | | |")
            continue
        mid = {key: median(one[key] for one in found) for key in found[0]}
        more, larger = installed(pythons[name])
        print(f"| {name} | {mid['call'] - bare['call']:.0f} | {mid['boot']:.2f} | {mid['rss'] - bare['rss']:.0f} "
              f"| {more - count} | {larger - size:.0f} | {mid['exported'] / 1000:.0f} |")  # fmt: skip


if __name__ == "__main__":
    main()
