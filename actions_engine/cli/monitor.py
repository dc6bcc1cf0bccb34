"""What other programs ask a running delivery over HTTP: its metrics, whether it lives, whether it is ready."""

from __future__ import annotations

import asyncio
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click

from actions_engine.delivery.delivery import Delivery
from actions_engine.errors import StoreError

#: Seconds that the event loop and the store have to answer.
PATIENCE = 2.0
#: Connections at once; one more ends the oldest.
MOST_CONNECTIONS = 16
# Seconds that an answer of the store's holds.
_FRESH = 1.0
_PATHS = ("/health", "/healthz", "/metrics", "/ready")


class Monitor:
    """Knows how a delivery is.

    Attributes:
        loop: The event loop that it runs in, once it does.
        is_stopping: Whether it takes no more work.
    """

    def __init__(self, delivery: Delivery) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.is_stopping = False
        self._delivery = delivery
        self._lock = threading.Lock()
        self._asked_at = 0.0
        self._answer: list[str] = []

    def health(self) -> list[str]:
        """Return what is wrong with the process: nothing where its event loop turns, or has not begun to."""
        turned = threading.Event()
        try:
            if self.loop is None or self.is_stopping:
                return []
            self.loop.call_soon_threadsafe(turned.set)
        except RuntimeError:
            # The loop is closed: the process is about to end, as it should.
            return []
        return [] if turned.wait(PATIENCE) else [f"the event loop did not turn within {PATIENCE:g} s"]

    def readiness(self) -> list[str]:
        """Return why no work should be given to it."""
        if self.is_stopping:
            return ["it is stopping"]
        if self.loop is None:
            return ["it is starting"]
        with self._lock:
            if time.monotonic() - self._asked_at > _FRESH:
                self._answer, self._asked_at = self._ask(self.loop), time.monotonic()
            return self._answer

    def _ask(self, loop: asyncio.AbstractEventLoop) -> list[str]:
        if trouble := self._delivery.store.trouble:
            return [f"the store: {trouble}"]
        answered: Future[None] = Future()

        def ask() -> None:
            # Not before the loop turns: a coroutine that is never begun is complained of.
            if answered.set_running_or_notify_cancel():
                task = loop.create_task(self._delivery.position(""))
                task.add_done_callback(lambda done: _pass_on(done, answered))

        try:
            loop.call_soon_threadsafe(ask)
            answered.result(PATIENCE)
        except LateError:
            answered.cancel()
            return [f"the store did not answer within {PATIENCE:g} s"]
        except RuntimeError:
            return ["it is stopping"]
        except StoreError as error:
            return [f"the store: {error}"]
        return []


def _pass_on(done: asyncio.Task[Any], answered: Future[None]) -> None:
    if done.cancelled():
        answered.set_exception(RuntimeError("the loop ends"))
    elif (error := done.exception()) is not None:
        answered.set_exception(error)
    else:
        answered.set_result(None)


@contextmanager
def served(delivery: Delivery, port: int | None) -> Iterator[Monitor]:
    """Serve /metrics, /health, /healthz and /ready on a port of loopback while the block runs; on None nothing.

    Raises:
        click.ClickException: the extra is missing, or the port is taken.
    """
    monitor = Monitor(delivery)
    if port is None:
        yield monitor
        return
    try:
        import prometheus_client  # noqa: F401, PLC0415 - an optional extra
    except ImportError:
        raise click.UsageError("--metrics-port needs the extra: pip install 'actions-engine[metrics]'") from None
    try:
        server = _Server(("127.0.0.1", port), monitor)
    except OSError as error:
        raise click.ClickException(f"port {port}: {error.strerror or error}") from None
    delivery.metrics.to_prometheus()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="monitor", daemon=True)
    thread.start()
    try:
        yield monitor
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """A thread for each of a few connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], monitor: Monitor) -> None:
        self.monitor = monitor
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server for the name of loopback."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; where too many are open the oldest, which says too little, is cut off."""
        with self._lock:
            self._open.append(request)
            oldest = self._open.pop(0) if len(self._open) > MOST_CONNECTIONS else None
        if oldest is not None:
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._lock:
            if request in self._open:
                self._open.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server: _Server
    server_version = "actions-engine"
    sys_version = ""
    timeout = 5.0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._send_metrics()
        elif path in ("/health", "/healthz"):
            self._send_state("ok", "stuck", self.server.monitor.health())
        elif path == "/ready":
            self._send_state("ready", "not ready", self.server.monitor.readiness())
        else:
            self._send_json(404, {"error": "there is nothing at this path", "paths": list(_PATHS)})

    do_HEAD = do_GET  # noqa: N815 - http.server's name; no body is sent then

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: a probe every second is no news."""

    def _send_metrics(self) -> None:
        from prometheus_client import REGISTRY  # noqa: PLC0415 - an optional extra
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - as above

        encode, content_type = choose_encoder(self.headers.get("Accept") or "")
        self._send(200, content_type, encode(REGISTRY))

    def _send_state(self, well: str, ill: str, reasons: list[str]) -> None:
        body: dict[str, Any] = {"status": ill, "reasons": reasons} if reasons else {"status": well}
        self._send_json(503 if reasons else 200, body)

    def _send_json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(body).encode() + b"\n")

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
