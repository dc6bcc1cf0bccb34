"""A destination's own transport (files, SQL, a broker), run in threads of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from actions_engine.delivery.plugin_code import ordinary
from actions_engine.delivery.transports.contract import SendError
from actions_engine.destination import Transport
from actions_engine.errors import PluginError
from actions_engine.outcome import Outcome
from actions_engine.request import Request, Response

Answer = TypeVar("Answer")


class OwnTransport:
    """Makes a plugin's synchronous transport one that can be awaited.

    It is opened, flushed and closed by one thread, as database connections ask for, and that thread sends too, unless
    the transport says by its attribute `concurrency` that it takes more than one request at once. After an exception
    its state is unknown: it is closed, and opened anew for the next request; what others had sent through it and not
    flushed is then not known to be there, and their flush says so.

    Args:
        make: Makes the transport.
        name: Of the destination instance.
        concurrency: Requests under way at once, whatever the transport could take.
    """

    flushes = True

    def __init__(self, make: Callable[[], Transport], name: str, *, concurrency: int = 1) -> None:
        self._make = make
        self._name = name
        self._most = concurrency
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"transport-{name}")
        self._senders: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        # How many transports were given up: what was sent by an earlier one cannot be flushed any more.
        self._given_up = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._run(self._thread, "closed", self._close)
        finally:
            self._thread.shutdown(wait=False)
            if self._senders is not None:
                self._senders.shutdown(wait=False)

    def begin(self) -> _Carrier:
        """Return what carries the requests of one attempt."""
        return _Carrier(self)

    async def send(self, request: Request) -> tuple[Response, int]:
        """Carry a request; return its answer, and by which transport it went.

        Raises:
            SendError: the transport raised, or answered with what is no response.
        """
        if self._transport is None:
            await self._run(self._thread, "open for this request", self._open)
        return await self._run(self._senders or self._thread, "used", self._send, request)

    async def flush(self, sent_by: int) -> None:
        """Make durable what was sent by a transport.

        Raises:
            SendError: it raised, or was given up since: what was sent may not be there.
        """
        await self._run(self._thread, "flushed", self._flush, sent_by)

    async def _run(
        self, threads: ThreadPoolExecutor, what: str, function: Callable[..., Answer], *arguments: Any
    ) -> Answer:
        def run() -> Answer:
            try:
                return function(*arguments)
            except BaseException as error:
                raise ordinary(error) from error

        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run)
        except Exception as error:
            told = str(error) if isinstance(error, _GivenUpError) else f"{type(error).__name__}: {error}"
            raise SendError(Outcome.retry(f"the transport cannot be {what}: {told}")) from error

    # -- in the transport's threads

    def _open(self) -> None:
        if self._transport is not None:
            return
        transport = self._make()
        transport.open()
        takes: Any = getattr(transport, "concurrency", 1)
        if type(takes) is not int or takes < 1:
            transport.close()
            raise PluginError(self._name, f"a transport's concurrency is a whole number from 1, not {takes!r}")
        most = min(takes, self._most)
        if most > 1 and self._senders is None:
            self._senders = ThreadPoolExecutor(most, thread_name_prefix=f"transport-{self._name}")
        self._transport = transport

    def _send(self, request: Request) -> tuple[Response, int]:
        with self._lock:
            transport, number = self._transport, self._given_up
        if transport is None:
            raise _GivenUpError
        try:
            return _checked(transport.send(request)), number
        except BaseException:
            self._abandon(number)
            raise

    def _flush(self, sent_by: int) -> None:
        with self._lock:
            transport, number = self._transport, self._given_up
        if transport is None or number != sent_by:
            raise _GivenUpError
        try:
            transport.flush()
        except BaseException:
            self._abandon(number)
            raise

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            try:
                transport.flush()
            finally:
                transport.close()

    def _abandon(self, number: int) -> None:
        with self._lock:
            if number != self._given_up:
                return
            transport, self._transport = self._transport, None
            self._given_up += 1
        if transport is not None:
            # The first failure is the one to be told.
            with contextlib.suppress(BaseException):
                transport.close()


class _GivenUpError(Exception):
    """The transport that carried a request failed since, for another request."""

    def __str__(self) -> str:
        return "another request made it fail before what was sent was safe"


class _Carrier:
    """Carries the requests of one attempt, and knows by which transports they went."""

    def __init__(self, transport: OwnTransport) -> None:
        self._transport = transport
        self._sent_by: set[int] = set()

    async def send(self, request: Request, *, is_foreign: bool = False) -> Response:
        """Carry a request and return its answer, or raise SendError."""
        response, number = await self._transport.send(request)
        self._sent_by.add(number)
        return response

    async def flush(self) -> None:
        """Make durable what was sent; raise SendError where that is not certain."""
        for number in self._sent_by:
            await self._transport.flush(number)


def _checked(response: Any) -> Response:
    """Return what a transport answered, if it is an answer."""
    if not isinstance(response, Response):
        raise TypeError(f"send() returned {type(response).__name__} in place of a Response")
    if type(response.status) is not int or not 100 <= response.status <= 599:
        raise ValueError(f"send() answered with the status {response.status!r:.40}")
    if not isinstance(response.headers, Mapping) or not isinstance(response.body, bytes):
        raise TypeError("a Response has headers by name and a body of bytes")
    return response
