"""Servers and pools that fork: each process has a queue, a thread and a sequence of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sdk.loopback import Receiver, Run, Server

LATER = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}


def test_a_forked_child_is_a_process_of_its_own_and_sends_its_own_spans(run: Run, collector: Receiver) -> None:
    run(
        """
        spanledger.instrument()
        chat()
        child = os.fork()
        if child == 0:
            chat()
            assert spanledger.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        OTEL_BSP_SCHEDULE_DELAY="3600000",
    )
    stamps = collector.stamps()
    assert len(collector.calls()) == 2
    assert len({stamp["process"] for stamp in stamps}) == 2
    assert [stamp["sequence"] for stamp in stamps] == [1, 1]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_workers_of_multiprocessing_send_what_they_have_before_they_end(
    run: Run, collector: Receiver, method: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("app")
    (folder / "work.py").write_text(
        "import os, openai, spanledger\n"
        "spanledger.instrument()\n"
        "def call():\n"
        "    client = openai.OpenAI(base_url=os.environ['PROVIDER'] + '/v1', api_key='k')\n"
        "    client.chat.completions.create(model='gpt-4o', messages=[{'role': 'user', 'content': 'hi'}])\n"
    )
    run(
        f"""
        import multiprocessing
        sys.path.insert(0, {str(folder)!r})
        import work
        worker = multiprocessing.get_context({method!r}).Process(target=work.call)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
        """,
        OTEL_BSP_SCHEDULE_DELAY="3600000",
        PYTHONPATH=str(folder),
    )
    assert len(collector.calls()) == 1


def test_a_span_that_is_open_at_a_fork_is_the_parents_alone(run: Run, collector: Receiver) -> None:
    run(
        """
        from opentelemetry import trace
        spanledger.instrument()
        child = 1
        with trace.get_tracer("openlit.app").start_as_current_span("around"):
            child = os.fork()
            if child:
                os.waitpid(child, 0)
            else:
                chat()
        if not child:
            assert spanledger.flush()
            os._exit(0)
        """,
        **LATER,
    )
    assert sorted(span.name for span in collector.spans()) == ["around", "chat gpt-4o"]


def test_a_fork_in_the_midst_of_everything_neither_hangs_nor_doubles(run: Run, collector: Receiver) -> None:
    """Threads start spans and the exporter imports, encodes and sends, while the main thread forks."""
    run(
        """
        import threading
        from opentelemetry import trace
        spanledger.instrument()
        tracer = trace.get_tracer("openlit.app")
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                tracer.start_span("busy").end()
                stop.wait(0.001)
        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads: thread.start()
        children = []
        for number in range(20):
            child = os.fork()
            if child == 0:
                import requests
                tracer.start_span(f"child {number}").end()
                os._exit(0 if spanledger.flush(20) else 1)
            children.append(child)
        stop.set()
        for thread in threads: thread.join()
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 20
        """,
        OTEL_BSP_SCHEDULE_DELAY="1",
    )
    spans = collector.spans()
    assert len({span.span_id for span in spans}) == len(spans)
    assert sorted(span.name for span in spans if span.name != "busy") == sorted(f"child {n}" for n in range(20))
    last = {stamp["process"]: stamp for stamp in collector.stamps()}
    assert len(last) == 21
    assert sum(stamp["emitted"] for stamp in last.values()) == len(spans)


APP = """
    import os, sys
    import spanledger
    spanledger.instrument(service="shop")
    import openai
    client = openai.OpenAI(base_url=os.environ["PROVIDER"] + "/v1", api_key="k")
    def call():
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
"""


def environment(collector: Receiver, provider: Server, folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(folder), *sys.path])
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PROVIDER": provider.url,
        "SPANLEDGER_ENDPOINT": collector.url,
        "PYTHONWARNINGS": "ignore",
        **LATER,
    }


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


WSGI = """
def app(environ, start_response):
    call()
    start_response("200 OK", [("content-type", "text/plain"), ("connection", "close")])
    return [str(os.getpid()).encode()]
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        spanledger.shutdown()  # uvicorn raises SIGTERM again when it is done, and that ends a process with nothing run
        await send({"type": "lifespan.shutdown.complete"})
    else:
        call()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""


@pytest.mark.parametrize(
    ("app", "server"),
    [
        (WSGI, ["gunicorn", "shop:app", "--workers", "2", "--preload", "--bind"]),
        (WSGI, ["gunicorn", "shop:app", "--workers", "2", "--bind"]),
        (ASGI, ["uvicorn", "shop:app", "--workers", "2", "--port"]),
    ],
    ids=["gunicorn, preloaded", "gunicorn", "uvicorn"],
)
def test_every_worker_of_a_server_sends_what_it_has_when_the_server_stops(
    collector: Receiver, provider: Server, tmp_path: Path, app: str, server: list[str]
) -> None:
    (tmp_path / "shop.py").write_text(textwrap.dedent(APP) + app)
    port = free_port()
    where = str(port) if server[0] == "uvicorn" else f"127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", *server, where],
        env=environment(collector, provider, tmp_path),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_for(lambda: answers(url))
        for _ in range(19):
            assert answers(url)
        asked = len(provider.posts)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    spans = collector.calls()
    assert len(spans) == asked >= 20
    assert len({span.span_id for span in spans}) == asked
    stamps = collector.stamps()
    assert all(stamp["final"] == 1 and stamp["sequence"] == 1 for stamp in stamps)
    assert sum(stamp["emitted"] for stamp in stamps) == len(collector.spans())


def test_celerys_forked_workers_send_what_they_have_when_celery_stops(
    collector: Receiver, provider: Server, tmp_path: Path
) -> None:
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
    options = {name: str(tmp_path / folder) for name, folder in options.items()}
    (tmp_path / "shop.py").write_text(
        textwrap.dedent(APP) + f"import celery\napp = celery.Celery('shop', broker='filesystem://')\n"
        f"app.conf.update(broker_transport_options={options!r}, worker_hijack_root_logger=False)\n"
        "@app.task(name='ask')\ndef ask(): call()\n"
    )
    env = environment(collector, provider, tmp_path)
    command = ["celery", "-A", "shop", "worker", "--pool", "prefork", "-c", "2", "--without-mingle", "--without-gossip"]
    log = tmp_path / "log"
    with log.open("wb") as said:
        worker = subprocess.Popen([sys.executable, "-m", *command], env=env, cwd=tmp_path, stdout=said, stderr=said)
    try:
        send = "import shop\nfor _ in range(6): shop.ask.delay()\n"
        subprocess.run([sys.executable, "-c", send], env=env, cwd=tmp_path, check=True, timeout=60)
        wait_for(lambda: len(provider.posts) >= 6 or worker.poll() is not None)
    finally:
        worker.terminate()
        worker.wait(60)
    assert len(collector.calls()) == 6, log.read_text()
    assert all(stamp["final"] == 1 for stamp in collector.stamps())
