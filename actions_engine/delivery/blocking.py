"""Delivery for a synchronous host: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from actions_engine.delivery.metrics import Metrics
from actions_engine.delivery.receipt import Receipt, Waiting
from actions_engine.engine import Engine
from actions_engine.store.contract import LedgerRow, Pause

Answer = TypeVar("Answer")


class AwaitedDelivery(Protocol):
    """What a `Delivery` does, each to be awaited."""

    metrics: Metrics

    async def __aenter__(self) -> Any: ...
    async def close(self) -> None: ...  # noqa: D102 - see Delivery, as for all below
    async def accept(  # noqa: D102 - described by Delivery
        self, events: Iterable[Any], *, position: tuple[str, str] | None = None, ids: Sequence[str] = ()
    ) -> Receipt: ...
    async def waiting(self) -> list[Waiting]: ...  # noqa: D102 - described by Delivery
    async def drain(self) -> None: ...  # noqa: D102 - described by Delivery
    async def reload(self, engine: Engine) -> None: ...  # noqa: D102 - described by Delivery
    async def ledger(self) -> list[LedgerRow]: ...  # noqa: D102 - described by Delivery
    async def pauses(self) -> list[Pause]: ...  # noqa: D102 - described by Delivery
    async def position(self, name: str) -> str | None: ...  # noqa: D102 - described by Delivery


class DeliveryThread:
    """A `Delivery` whose methods wait in place of being awaited. They may be called from many threads at once."""

    def __init__(self, delivery: AwaitedDelivery) -> None:
        self._delivery = delivery
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0

    def __enter__(self) -> Self:
        """Open the store and start to deliver.

        Raises:
            StoreError: the store cannot be opened.
        """
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="actions-engine-delivery", daemon=True)
        self._thread.start()
        try:
            self._wait_for(self._delivery.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait_for(self._delivery.close())
        finally:
            self._end()

    @property
    def metrics(self) -> Metrics:
        """The counters of this process."""
        return self._delivery.metrics

    def accept(
        self, events: Iterable[Any], *, position: tuple[str, str] | None = None, ids: Sequence[str] = ()
    ) -> Receipt:
        """Plan events and commit them with their calls; see `Delivery.accept`."""
        return self._wait_for(self._delivery.accept(events, position=position, ids=ids))

    def waiting(self) -> list[Waiting]:
        """Return what pending calls wait that nothing but people ends, and why."""
        return self._wait_for(self._delivery.waiting())

    def drain(self, timeout: float | None = None) -> None:
        """Wait until nothing is pending but what waits for people; see `Delivery.drain`.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: something is pending still.
        """
        self._wait_for(asyncio.wait_for(self._delivery.drain(), timeout))

    def reload(self, engine: Engine) -> None:
        """Route by other mappings from now on; see `Delivery.reload`."""
        self._wait_for(self._delivery.reload(engine))

    def ledger(self) -> list[LedgerRow]:
        """Return the account, a row for each instance and mapping."""
        return self._wait_for(self._delivery.ledger())

    def pauses(self) -> list[Pause]:
        """Return which destinations are paused, until when and why."""
        return self._wait_for(self._delivery.pauses())

    def position(self, name: str) -> str | None:
        """Return how far an input was read when its events were last accepted."""
        return self._wait_for(self._delivery.position(name))

    def _wait_for(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        if self._loop is None or self._process != os.getpid():
            coroutine.close()
            if self._process and self._process != os.getpid():
                # A fork copies no threads: this process would wait for ever.
                raise RuntimeError("this delivery was opened before a fork: open one in each process")
            raise RuntimeError("this delivery is not open: use it within `with Delivery(...).in_thread()`")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _end(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
        self._loop = self._thread = None
