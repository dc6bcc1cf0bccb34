"""What a run answers over HTTP on loopback."""

import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path

import pytest

from actions_engine.testing import Answer, Vendor
from tests.test_logs import arranged


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(port: int, path: str, method: str = "GET", accept: str = "*/*") -> tuple[int, HTTPMessage, bytes]:
    """Ask a path; return the status, the headers and the body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@contextlib.contextmanager
def running(folder: Path, vendor: Vendor) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run a delivery that follows a file, until its metrics can be asked for."""
    port = free_port()
    arguments = [*arranged(folder, vendor.url, count=3), "--follow", "--metrics-port", str(port)]
    with subprocess.Popen(arguments, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    if ask(port, "/ready")[0] == 200 and len(vendor.received) >= 3:
                        break
                time.sleep(0.05)
            yield port, process
        finally:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def test_it_answers_what_is_asked(tmp_path: Path) -> None:
    """Metrics, health and readiness are at their paths, HEAD has no body, everything else is 404; bodies are JSON."""
    with Vendor() as vendor, running(tmp_path, vendor) as (port, _):
        status, headers, body = ask(port, "/metrics")
        assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/plain")
        assert (
            b'actions_engine_calls_accepted_total{action="send",destination="webhook",destination_instance="hook",mapping="All"} 3.0'
            in body
        )
        assert ask(port, "/metrics", accept="application/openmetrics-text; version=1.0.0")[2].endswith(b"# EOF\n")
        for path, told in (("/health", "ok"), ("/healthz", "ok"), ("/ready", "ready"), ("/ready?verbose", "ready")):
            status, headers, body = ask(port, path)
            assert (status, headers["Content-Type"], json.loads(body)) == (200, "application/json", {"status": told})
        status, headers, body = ask(port, "/health", method="HEAD")
        assert (status, int(headers["Content-Length"]) > 0, body) == (200, True, b"")
        for path in ("/", "/metrics/", "/../etc/passwd", "/metricsx"):
            status, _, body = ask(port, path)
            assert (status, json.loads(body)["paths"]) == (404, ["/health", "/healthz", "/metrics", "/ready"])
        assert ask(port, "/health", method="POST")[0] == 501


def test_a_store_that_takes_nothing_is_not_ready(tmp_path: Path) -> None:
    """While another process holds the file, outcomes cannot be written: the run lives, is not ready, and says why."""
    with Vendor() as vendor, running(tmp_path, vendor) as (port, _):
        holder = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with (tmp_path / "events.jsonl").open("a") as file:
            file.write('{"type": "track", "event": "A", "messageId": "m9"}\n')
        deadline = time.monotonic() + 20
        while (answer := ask(port, "/ready"))[0] == 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert answer[0] == 503
        told = json.loads(answer[2])
        assert (told["status"], told["reasons"][0].startswith("the store")) == ("not ready", True)
        assert ask(port, "/health")[0] == 200
        holder.execute("ROLLBACK")
        holder.close()


def test_a_run_that_stops_is_not_ready(tmp_path: Path) -> None:
    """From SIGTERM on no work should come: 503 while requests under way end, and it is healthy still."""
    slow = Vendor(lambda request: Answer(delay=0.0 if request.json()["messageId"] < "m3" else 3.0))
    with slow as vendor, running(tmp_path, vendor) as (port, process):
        with (tmp_path / "events.jsonl").open("a") as file:
            file.write('{"type": "track", "event": "A", "messageId": "m9"}\n')
        while len(vendor.received) < 4:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        status, _, body = ask(port, "/ready")
        assert (status, json.loads(body)["reasons"]) == (503, ["it is stopping"])
        assert ask(port, "/health")[0] == 200
        # The one second stop would end it at once; it is to end by itself.
        process.wait(timeout=20)
        process.send_signal = lambda _signal: None  # type: ignore[method-assign]


def test_many_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    """Connections that say nothing are bounded: the oldest is cut off, and whoever asks is answered."""
    with Vendor() as vendor, running(tmp_path, vendor) as (port, _), contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        began = time.monotonic()
        assert ask(port, "/health")[0] == 200
        assert time.monotonic() - began < 4


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """The port is named, and nothing is delivered."""
    with Vendor() as vendor, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*arranged(tmp_path, vendor.url), "--metrics-port", str(port)],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"Error: port {port}: Address already in use\n")


@pytest.mark.parametrize("path", ["/ready", "/health"])
def test_a_loop_that_does_not_turn_is_told(path: str) -> None:
    """Where the event loop is held up, health says so within seconds, and readiness does not wait for ever."""
    import asyncio  # noqa: PLC0415 - of this test alone
    import threading  # noqa: PLC0415 - as above

    from actions_engine import Delivery, Engine, Registry  # noqa: PLC0415 - as above
    from actions_engine.cli.monitor import Monitor  # noqa: PLC0415 - as above

    loop, held = asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    monitor = Monitor(Delivery(Engine((), Registry.from_plugins({})), "unused.db"))
    monitor.loop = loop
    thread.start()
    loop.call_soon_threadsafe(held.wait)
    try:
        reasons = monitor.health() if path == "/health" else monitor.readiness()
        assert "within 2 s" in reasons[0]
    finally:
        held.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
