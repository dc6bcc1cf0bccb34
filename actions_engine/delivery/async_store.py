"""The store as delivery awaits it: one thread uses it; what many settle or accept at once is one commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from actions_engine.delivery.clock import Clock
from actions_engine.errors import StoreError
from actions_engine.store.contract import LeasedCall, LedgerRow, Pause, PlannedEvent, Settlement, Store

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

logger = logging.getLogger("actions_engine.delivery")

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
# Seconds that a lost connection is tried for.
_PATIENCE = 30.0
# Under load, that is after a commit of more than so many outcomes, the next one waits so many seconds for more: few
# large commits leave more time for requests.
_MANY = 8
_BETWEEN_COMMITS = 0.01
# Outcomes that cannot be written beside others that can; where more fail, the store does.
_MOST_ODD = 100
# Seconds until a call is tried again whose outcome could not be written, and characters of its reason.
_ODD_WAIT = 60.0
_MAX_REASON = 2_000
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


class AsyncStore:
    """Runs a store's methods in one thread, in the order in which they were asked for; see `Store` for each.

    Every method raises StoreError where the store fails.

    Attributes:
        trouble: Why it does not take outcomes at the moment; else empty.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="actions-engine-store")
        self._settlements: list[Settlement] = []
        self._committed: asyncio.Future[None] | None = None
        self._committer: asyncio.Task[None] | None = None
        self._gives_up = False
        self.trouble = ""
        self._accepting: list[_Accepting] = []
        self._acceptor: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, and create or migrate the tables."""
        await self._run(self._store.open)

    async def join(self) -> str:
        """Begin to deliver from the store; return what there is to warn of."""
        return await self._run(self._store.join, now=self._clock.now())

    async def lease(self, instance: str, limit: int, *, now: float, until: float, ordered: bool) -> list[LeasedCall]:
        """Take due calls of an instance."""
        return await self._run(self._store.lease, instance, limit, now=now, until=until, ordered=ordered)

    async def expire(self, instance: str, *, before: float, reason: str, now: float) -> dict[tuple[str, str], int]:
        """End calls whose retry window began before a moment; return how many of each action and mapping."""
        return await self._run(self._store.expire, instance, before=before, reason=reason, now=now)

    async def oldest_pending(self) -> dict[str, float]:
        """Return when the first pending call of each instance was accepted."""
        return await self._run(self._store.oldest_pending)

    async def next_due(self) -> dict[str, float]:
        """Return when the first pending call of each instance is due."""
        return await self._run(self._store.next_due, now=self._clock.now())

    async def pause(self, pause: Pause) -> None:
        """Lease nothing of an instance until then."""
        await self._run(self._store.pause, pause)

    async def resume(self, instance: str) -> None:
        """End a pause."""
        await self._run(self._store.resume, instance)

    async def pauses(self) -> list[Pause]:
        """Return the pauses in force."""
        return await self._run(self._store.pauses, now=self._clock.now())

    async def note_waits(self, waits: Mapping[str, str], served: Iterable[str]) -> None:
        """Note why the pending calls of instances wait that nobody delivers."""
        await self._run(self._store.note_waits, waits, served)

    async def ledger(self) -> list[LedgerRow]:
        """Return the account."""
        return await self._run(self._store.ledger)

    async def prune(self, *, delivered_before: float, events_before: float, limit: int) -> int:
        """Delete what is old; return how many rows."""
        return await self._run(
            self._store.prune, delivered_before=delivered_before, events_before=events_before, limit=limit
        )

    async def position(self, name: str) -> str | None:
        """Return how far an input was read when its events were last accepted."""
        return await self._run(self._store.position, name)

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
            await self._run(self._store.close)
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
        is_new = await self._run(
            self._store.accept,
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
                one.answer.set_result(is_new[start:end])
            start = end

    async def _commit_all(self) -> None:
        committed_before = 0
        while (committed := self._committed) is not None:
            if committed_before > _MANY and not self._gives_up:
                await asyncio.sleep(_BETWEEN_COMMITS)
            taken, self._settlements, self._committed = self._settlements, [], None
            try:
                await self._commit(taken)
            except Exception as error:  # noqa: BLE001 - whoever waits gets it; the next commit must not wait for it
                committed.set_exception(error)
                # Read here: nobody may be waiting any more.
                committed.exception()
            else:
                committed.set_result(None)
            committed_before = len(taken)
        self._committer = None

    async def _commit(self, settlements: list[Settlement]) -> None:
        wait = _FIRST_WAIT
        while settlements:
            try:
                await self._run(self._store.settle, settlements, now=self._clock.now())
            except Exception as error:
                self.trouble = str(error)
                settlements = await self._commit_one_by_one(settlements)
                if not settlements:
                    self.trouble = ""
                    return
                if self._gives_up:
                    raise StoreError(f"{len(settlements)} outcomes are not in the store: {error}") from error
                logger.error("the store does not take %d outcomes, trying again: %s", len(settlements), error)  # noqa: TRY400 - told every time, without its traceback
                await asyncio.sleep(wait)
                wait = min(_LONGEST_WAIT, wait * 2)
            else:
                self.trouble = ""
                return

    async def _commit_one_by_one(self, settlements: list[Settlement]) -> list[Settlement]:
        """Write each by itself, so that an odd outcome takes no other along; return those that are to be written still.

        Where none can be written, the store is at fault and all are. Else those that cannot be are: what is written of
        them in their place is a retry that says so.
        """
        failed: list[tuple[Settlement, Exception]] = []
        for settlement in settlements:
            try:
                await self._run(self._store.settle, [settlement], now=self._clock.now())
            except Exception as error:  # noqa: BLE001 - it is told with the outcome
                failed.append((settlement, error))
                if len(failed) == len(settlements) or len(failed) > _MOST_ODD:
                    return settlements
        if len(failed) == len(settlements):
            return settlements
        for settlement, cause in failed:
            reason = f"what became of it could not be written ({type(cause).__name__}): {cause}"[:_MAX_REASON]
            due = self._clock.now() + _ODD_WAIT
            instead = Settlement(settlement.id, settlement.token, "retry", due=due, reason=reason)
            try:
                await self._run(self._store.settle, [instead], now=self._clock.now())
            except Exception:
                logger.exception("an outcome cannot be written, its call is sent again when its lease ends")
        return []

    async def _run(
        self, method: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answer:
        """Run one of the store's methods, again where its connection was lost: each may be repeated.

        What is accepted twice is known by its ids, what is settled twice holds its token no more, and what is leased
        twice is due again when the lost lease ends.
        """
        loop = asyncio.get_running_loop()
        wait, end = _FIRST_WAIT, loop.time() + _PATIENCE
        while True:
            try:
                return await loop.run_in_executor(self._thread, partial(method, *args, **kwargs))
            except StoreError as error:
                if not error.is_passing or self._gives_up or loop.time() + wait > end or method == self._store.open:
                    raise
                logger.warning("the connection to the store was lost, trying again: %s", error)
            await asyncio.sleep(wait)
            wait = min(_LONGEST_WAIT, wait * 2)
