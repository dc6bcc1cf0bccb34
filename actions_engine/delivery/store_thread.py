"""The store, used from one thread of its own; settlements of all destinations are committed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from actions_engine.delivery.clock import Clock
from actions_engine.delivery.records import PlannedEvent, Settlement, Store
from actions_engine.errors import StoreError

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

logger = logging.getLogger("actions_engine.delivery")

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
# Under load, that is after a commit of more than so many outcomes, the next one waits so many seconds for more: few
# large commits leave more time for requests.
_MANY = 8
_BETWEEN_COMMITS = 0.01
# Events in one commit, beyond which others must not wait any longer.
_MOST_TOGETHER = 1_000


@dataclass(slots=True)
class _Accepting:
    """What one caller wants accepted."""

    events: Sequence[PlannedEvent]
    configuration: str
    dedupe_window: float
    position: tuple[str, str] | None
    answer: asyncio.Future[tuple[bool, ...]]

    def goes_with(self, other: _Accepting) -> bool:
        """Whether another's events may be accepted in the same transaction; a position is its caller's alone."""
        return self.position is None and other.position is None and self.configuration == other.configuration


class StoreThread:
    """Runs a store's methods in one thread, in the order in which they were asked for."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="actions-engine-store")
        self._settlements: list[Settlement] = []
        self._committed: asyncio.Future[None] | None = None
        self._committer: asyncio.Task[None] | None = None
        self._gives_up = False
        self._accepting: list[_Accepting] = []
        self._acceptor: asyncio.Task[None] | None = None

    async def call(
        self, method: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answer:
        """Run one of the store's methods.

        Raises:
            StoreError: the store failed.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(method, *args, **kwargs))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write settlements; returning means that they are committed.

        What is settled while a commit is under way goes into the next one. A store that fails is tried again until
        it takes them: to forget an answer would be to send the call twice.

        Raises:
            StoreError: delivery is closing and the store still fails: the leases will end by themselves.
        """
        if not settlements:
            return
        self._settlements += settlements
        if self._committed is None:
            self._committed = asyncio.get_running_loop().create_future()
        committed = self._committed
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_all())
        # A waiter that is cancelled takes nobody's commit along.
        await asyncio.shield(committed)

    async def accept(
        self,
        events: Sequence[PlannedEvent],
        *,
        configuration: str,
        dedupe_window: float,
        position: tuple[str, str] | None = None,
    ) -> tuple[bool, ...]:
        """Accept events; return of each whether it is new. What several tasks accept at once is one commit.

        Raises:
            StoreError: nothing was accepted.
        """
        answer: asyncio.Future[tuple[bool, ...]] = asyncio.get_running_loop().create_future()
        self._accepting.append(_Accepting(events, configuration, dedupe_window, position, answer))
        if self._acceptor is None:
            self._acceptor = asyncio.create_task(self._accept_all())
        return await answer

    async def close(self) -> None:
        """Write what is waiting, close the store and end the thread.

        Raises:
            StoreError: the store cannot be closed.
        """
        self._gives_up = True
        if self._acceptor is not None:
            await self._acceptor
        if self._committer is not None:
            await self._committer
        try:
            await self.call(self.store.close)
        finally:
            self._thread.shutdown(wait=True)

    async def _accept_all(self) -> None:
        while self._accepting:
            together = [self._accepting.pop(0)]
            size = len(together[0].events)
            while self._accepting and together[0].goes_with(self._accepting[0]) and size < _MOST_TOGETHER:
                together.append(self._accepting.pop(0))
                size += len(together[-1].events)
            try:
                await self._accept(together)
            except Exception as error:  # noqa: BLE001 - each caller gets it
                for one in together:
                    if not one.answer.done():
                        one.answer.set_exception(error)
        self._acceptor = None

    async def _accept(self, together: list[_Accepting]) -> None:
        first, now = together[0], self._clock.now()
        accepted = await self.call(
            self.store.accept,
            [event for one in together for event in one.events],
            now=now,
            configuration=first.configuration,
            dedupe_since=now - first.dedupe_window,
            position=first.position,
        )
        start = 0
        for one in together:
            end = start + len(one.events)
            # A caller that was cancelled waits no more; its events are accepted all the same.
            if not one.answer.done():
                one.answer.set_result(accepted.is_new[start:end])
            start = end

    async def _commit_all(self) -> None:
        committed_before = 0
        while (committed := self._committed) is not None:
            if committed_before > _MANY and not self._gives_up:
                await asyncio.sleep(_BETWEEN_COMMITS)
            taken, self._settlements, self._committed = self._settlements, [], None
            try:
                await self._commit(taken)
            except StoreError as error:
                committed.set_exception(error)
                # Read here: nobody may be waiting any more.
                committed.exception()
            else:
                committed.set_result(None)
            committed_before = len(taken)
        self._committer = None

    async def _commit(self, settlements: list[Settlement]) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                await self.call(self.store.settle, settlements, now=self._clock.now())
            except StoreError as error:
                if self._gives_up:
                    raise
                logger.error("the store does not take %d outcomes, trying again: %s", len(settlements), error)  # noqa: TRY400
                await asyncio.sleep(wait)
                wait = min(_LONGEST_WAIT, wait * 2)
            else:
                return
