"""A destination's own transport (files, SQL, a broker), run in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from actions_engine.delivery.transports.contract import SendError
from actions_engine.destination import Transport
from actions_engine.outcome import Outcome
from actions_engine.request import Request, Response

Answer = TypeVar("Answer")


class OwnTransport:
    """Makes a plugin's synchronous transport one that can be awaited.

    It is opened, used and closed by one thread, as database connections ask for. After an exception its state is
    unknown: it is closed, and opened anew for the next request.
    """

    flushes = True

    def __init__(self, make: Callable[[], Transport], name: str) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"transport-{name}")
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._run("closed", self._close)
        finally:
            self._thread.shutdown(wait=False)

    async def send(self, request: Request) -> Response:
        """Carry a request.

        Raises:
            SendError: the transport raised.
        """
        return await self._run("open for this request" if self._transport is None else "used", self._send, request)

    async def flush(self) -> None:
        """Make what was sent durable.

        Raises:
            SendError: the transport raised: what was sent since the last flush may not be there.
        """
        await self._run("flushed", self._flush)

    async def _run(self, what: str, function: Callable[..., Answer], *arguments: Any) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, function, *arguments)
        except Exception as error:
            raise SendError(
                Outcome.retry(f"the transport cannot be {what}: {type(error).__name__}: {error}")
            ) from error

    def _send(self, request: Request) -> Response:
        try:
            if self._transport is None:
                transport = self._make()
                transport.open()
                self._transport = transport
            return self._transport.send(request)
        except Exception:
            self._abandon()
            raise

    def _flush(self) -> None:
        try:
            if self._transport is not None:
                self._transport.flush()
        except Exception:
            self._abandon()
            raise

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            try:
                transport.flush()
            finally:
                transport.close()

    def _abandon(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            # The first failure is the one to be told.
            with contextlib.suppress(Exception):
                transport.close()
