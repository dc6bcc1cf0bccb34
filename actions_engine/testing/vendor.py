"""A vendor on loopback that misbehaves as it is told, and remembers what it was sent."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Answer:
    """What the vendor does with one request.

    Attributes:
        status: The HTTP status.
        body: The body; an object is written as JSON.
        headers: Further headers.
        delay: Seconds before it answers.
        fault: `reset before` cuts the connection without reading on, `reset after` once the request was recorded, `cut`
            sends half of the body.
    """

    status: int = 200
    body: Any = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: Literal["", "reset before", "reset after", "cut"] = ""

    def content(self) -> bytes:
        """Return the body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Received:
    """A request that the vendor got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON."""
        return json.loads(self.body)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up, as one does that is killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Vendor:
    """An HTTP server on loopback, for a `with` block.

    Args:
        script: The answers, one a request; the last is repeated. Or a function from a request to its answer.
        tls: Serves HTTPS with this context's certificate.

    Attributes:
        received: The requests, in the order of their arrival.
    """

    def __init__(
        self, script: Iterable[Answer] | Callable[[Received], Answer] = (), *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._decide: Callable[[Received], Answer] | None = script if callable(script) else None
        self._script = [] if callable(script) else (list(script) or [Answer()])
        self.received: list[Received] = []
        self._lock = threading.Lock()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body leave together: apart, each answer would wait for a delayed acknowledgement.
            wbufsize = 1 << 16
            disable_nagle_algorithm = True

            def answer(self) -> None:
                vendor._answer(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The server's URL, without a slash at its end."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        received = Received(handler.command, handler.path, headers, handler.rfile.read(length))
        with self._lock:
            if self._decide is not None:
                answer = self._decide(received)
            else:
                answer = self._script[min(len(self.received), len(self._script) - 1)]
            self.received.append(received)
        time.sleep(answer.delay)
        content = answer.content()
        if answer.fault.startswith("reset"):
            _reset(handler)
            return
        try:
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content[: len(content) // 2] if answer.fault == "cut" else content)
            handler.wfile.flush()
        except OSError:
            return  # whoever asked is gone
        if answer.fault == "cut":
            _reset(handler)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection so that the other side sees a reset, and no end."""
    handler.close_connection = True
    try:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
    except OSError:
        pass
