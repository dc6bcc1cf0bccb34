"""Delivery: accept events, deliver their calls, account for every one.

async with Delivery(engine, store="sqlite:///calls.db") as delivery:
    await delivery.accept(events)
    await delivery.drain()
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from actions_engine.call import SentCall
from actions_engine.delivery.async_store import AsyncStore
from actions_engine.delivery.backoff import Jitter, full_jitter
from actions_engine.delivery.blocking import DeliveryThread
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.metrics import Metrics
from actions_engine.delivery.plan import Plan, configuration_version, plan_event
from actions_engine.delivery.pruning import Pruning
from actions_engine.delivery.receipt import Receipt, Refusal, Waiting, told_pause
from actions_engine.delivery.transports.choice import transport_of
from actions_engine.delivery.worker import Worker
from actions_engine.engine import Engine
from actions_engine.errors import StoreError
from actions_engine.language.durations import read_duration
from actions_engine.mapping import Instance
from actions_engine.outcome import Outcome
from actions_engine.store.contract import LedgerRow, Pause, Store
from actions_engine.store.open import store_of

logger = logging.getLogger("actions_engine.delivery")

#: Events that are planned before others on the event loop get their turn.
_SLICE = 100
#: Real seconds between two looks at the store for what came due: other processes write there too.
_POLL = 0.5
# Real seconds between two looks at how long calls have waited, which go through all that is pending.
_LOOK_EVERY = 10.0


class Delivery:
    """Accepts events and delivers their calls from the moment it is entered until it is left.

    Attributes:
        engine: What routes; `reload` replaces it.
        metrics: Counters of this process.
        configuration: The version under which calls are planned: a digest of the mappings.

    Args:
        engine: What routes.
        store: A URL (see `store_of`), or a store.
        durable: Whether accepting waits for the disk.
        retention: How long delivered rows and events without calls are kept, in seconds or as text such as `7d`; the
            ledger counts them for ever.
        dedupe_window: How long a `messageId` is remembered, likewise.
        dedupe: What makes two events one: their `messageId` alone (`id`; without one, equal events are two), or their
            content where they have none (`content`).
        store_events: Whether the events themselves are stored. Without them no personal data but the payloads' is in
            the store, and a dead call can be replayed as it was planned but not by today's mappings (`--remap`).
        deliver: Whether to send; False accepts only, for a process whose calls another one delivers.
        grace: Seconds that requests under way may take when delivery ends.
        lease: Seconds after which a crashed process's calls go to another; by default from each destination's timeout.
            In SQLite's file they are free as soon as a process opens it beside which none runs.
        tls: Trusts other certificate authorities than the system's.
        clock: The time that it lives by; a test makes it faster.
        jitter: Spreads retries.
    """

    def __init__(
        self,
        engine: Engine,
        store: str | Store,
        *,
        durable: bool = True,
        retention: float | str = "7d",
        dedupe_window: float | str = "24h",
        dedupe: Literal["id", "content"] = "id",
        store_events: bool = True,
        deliver: bool = True,
        grace: float = 10.0,
        lease: float | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        jitter: Jitter = full_jitter,
    ) -> None:
        self.engine = engine
        self.metrics = Metrics()
        self.configuration = configuration_version(engine)
        self.clock = clock or Clock()
        self.jitter = jitter
        self.store = AsyncStore(store_of(store, durable=durable) if isinstance(store, str) else store, self.clock)
        self._retention = read_duration(retention)
        self._dedupe_window = read_duration(dedupe_window)
        self._store_events = store_events
        self._dedupe = dedupe
        self._deliver = deliver
        self._grace = grace
        self._lease = lease
        self._tls = tls
        self._workers: dict[str, Worker] = {}
        self._running: dict[asyncio.Task[None], Worker] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._process = 0
        self.metrics.paused = self._paused

    # -- the block

    async def __aenter__(self) -> Self:
        """Open the store and start to deliver what is pending.

        Raises:
            StoreError: the store cannot be opened.
        """
        self._process = os.getpid()
        try:
            await self.store.open()
            for row in await self.ledger():
                self.metrics.pending[row.instance] += row.pending
            await self._note_waits()
            if self._deliver:
                if warning := await self.store.join():
                    logger.warning("%s", warning)
                await self._start()
                self._watcher = asyncio.create_task(self._watch(), name="actions-engine-watch")
        except BaseException:
            await self.store.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Lease nothing more, let the requests under way finish within the grace period, release the rest."""
        if not self._process:
            return
        self._process = 0
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        try:
            await self._stop(self._grace)
        finally:
            await self.store.close()

    # -- what a host asks for

    async def accept(
        self, events: Iterable[Any], *, position: tuple[str, str] | None = None, ids: Sequence[str] = ()
    ) -> Receipt:
        """Plan events and commit them with their calls, all or none; returning means that they are committed.

        Args:
            events: Dicts; what is none is reported in the receipt and hinders nothing. An InputError stands for what
                an input held in place of an event: it is rejected, and in the ledger.
            position: The name of an input and how far it was read with these events, committed together with them.
            ids: For each event what it is known by where it has no `messageId`, the same whenever it is given again;
                by default one of its own, or with `dedupe="content"` its content.

        Raises:
            StoreError: nothing was accepted.
        """
        self._check_open()
        if isinstance(events, (dict, str, bytes)):
            raise TypeError(f"accept() takes a list of events, not {type(events).__name__}")
        plans: list[Plan] = []
        refused: list[Refusal] = []
        for number, event in enumerate(events):
            identity = "" if self._dedupe == "content" else ids[number] if number < len(ids) else uuid.uuid4().hex
            plan = plan_event(self.engine, event, store_event=self._store_events, identity=identity)
            if isinstance(plan, str):
                refused.append(Refusal(number, plan))
            else:
                plans.append(plan)
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        is_new = await self.store.accept(
            [plan.event for plan in plans],
            configuration=self.configuration,
            dedupe_window=self._dedupe_window,
            position=position,
        )
        new = [plan for plan, fresh in zip(plans, is_new, strict=True) if fresh]
        calls, rejected = self._count(new)
        self.metrics.duplicates += len(plans) - len(new)
        dropped = sum(bool(plan.dropped) for plan in new)
        unnamed = sum(not plan.was_named for plan in new)
        return Receipt(len(new), len(plans) - len(new), calls, rejected, dropped, unnamed, tuple(refused))

    async def drain(self) -> None:
        """Return once nothing is pending but for what waits for people.

        That is: the calls of destinations that are paused, and of instances that no mapping file names any more; the
        ledger shows both. A destination that fails is waited for until its calls are delivered or dead.
        """
        self._check_open()
        while True:
            while not all(worker.is_idle for worker in self._workers.values()):
                await asyncio.sleep(0.005)
            if not await self._waiting():
                return
            await asyncio.sleep(0.02)

    async def run(self) -> None:
        """Deliver until cancelled."""
        self._check_open()
        await asyncio.Event().wait()

    async def reload(self, engine: Engine) -> None:
        """Route by other mappings from now on, with their settings; paused destinations are tried at once.

        Calls that were accepted keep the payload that was planned for them; the ledger says how many wait under which
        configuration.
        """
        self._check_open()
        self.engine = engine
        self.configuration = configuration_version(engine)
        await self._note_waits()
        if self._deliver:
            old = self._workers
            for worker in old.values():
                worker.stop()
            await self._start(old)

    async def ledger(self) -> list[LedgerRow]:
        """Return the account, a row for each instance and mapping."""
        return await self.store.ledger()

    async def pauses(self) -> list[Pause]:
        """Return which destinations are paused, until when and why."""
        return await self.store.pauses()

    def backlog(self) -> int:
        """Return how many calls are pending at the destination that has the fewest, of those that get on.

        Who reads events waits while it is high. A slow or dead destination's calls wait in the store, and the others
        must not wait for it: paused and failing ones do not count, nor those that no event was for.
        """
        counts = [
            self.metrics.pending[name]
            for name, worker in self._workers.items()
            if worker.gets_on and (self.metrics.pending[name] or self.metrics.total("accepted", name))
        ]
        return min(counts, default=0)

    async def position(self, name: str) -> str | None:
        """Return how far an input was read when its events were last accepted."""
        return await self.store.position(name)

    async def waiting(self) -> list[Waiting]:
        """Return what pending calls wait that nothing but people ends, and why: paused, or of no file in force."""
        counts: Counter[str] = Counter()
        for row in await self.ledger():
            counts[row.instance] += row.pending
        reasons = self._unserved(counts) | {pause.instance: told_pause(pause) for pause in await self.pauses()}
        return [Waiting(name, counts[name], reason) for name, reason in sorted(reasons.items()) if counts[name]]

    def in_thread(self) -> DeliveryThread:
        """Return the same delivery for a synchronous host: `with Delivery(...).in_thread() as delivery:`."""
        return DeliveryThread(self)

    # -- what workers ask for

    @property
    def is_heard(self) -> bool:
        """Whether a plugin wants to hear of outcomes."""
        return self.engine.registry.hears_outcomes

    def heard(self, call: SentCall, outcome: Outcome) -> None:
        """Let plugins hear of a call that a request carried."""
        for error in self.engine.registry.after_delivery(call, outcome):
            logger.error("a hook failed, the delivery counts all the same: %s", error)

    # -- workers

    def _paused(self) -> dict[str, bool]:
        now = self.clock.now()
        return {name: worker.health.is_paused(now) for name, worker in list(self._workers.items())}

    def _served(self) -> list[Instance]:
        return [instance for instance in self.engine.instances if instance.is_enabled]

    def _unserved(self, pending: Mapping[str, int]) -> dict[str, str]:
        """Return why the pending calls of instances wait that have no worker."""
        files = {instance.name: instance.path for instance in self.engine.instances}
        served = {instance.name for instance in self._served()}
        return {
            name: f"{files[name]} says `enabled: false`" if name in files else "no mapping file is its own any more"
            for name, count in pending.items()
            if count and name and name not in served
        }

    async def _note_waits(self) -> None:
        waits = self._unserved(self.metrics.pending)
        await self.store.note_waits(waits, [instance.name for instance in self._served()])
        for name, reason in waits.items():
            logger.warning("%d calls of %s wait: %s", self.metrics.pending[name], name, reason,
                           extra={"instance": name, "reason": reason})  # fmt: skip

    async def _start(self, old: dict[str, Worker] | None = None) -> None:
        self._workers = {}
        for pause in await self.pauses():
            # Whoever starts or reloads has looked at the settings: they get their chance.
            if not pause.is_by_hand:
                await self.store.resume(pause.instance)
        for instance in self._served():
            mappings = [mapping for mapping in self.engine.mappings if mapping.instance is instance]
            transport = transport_of(instance, self.clock, self._tls, self.metrics.request_observers)
            worker = Worker(instance, self, transport, lease=self._lease, mappings=mappings)
            before = (old or {}).get(instance.name)
            if before is not None and before.instance.delivery == instance.delivery:
                worker.health.limits = before.health.limits
            self._workers[instance.name] = worker
            task = asyncio.create_task(worker.run(), name=f"actions-engine-{instance.name}")
            self._running[task] = worker
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        worker = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: the worker ended: %s", worker.instance.name, error, exc_info=error)

    async def _stop(self, grace: float) -> None:
        running = dict(self._running)
        for worker in running.values():
            worker.stop()
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=grace)
        for task in late:
            logger.warning("%s: requests under way are given up, their calls go back", running[task].instance.name)
            await running[task].abort()
        if late:
            await asyncio.wait(late)

    async def _watch(self) -> None:
        pruning = Pruning(self.store, self.clock, calls=self._retention, events=self._dedupe_window)
        looked_at = -_LOOK_EVERY
        while True:
            try:
                for instance, due in (await self.store.next_due()).items():
                    if (worker := self._workers.get(instance)) is not None:
                        worker.due_at(due)
                stopped = {pause.instance for pause in await self.pauses() if pause.is_by_hand}
                for name, worker in self._workers.items():
                    worker.hold(name in stopped)
                if time.monotonic() - looked_at >= _LOOK_EVERY:
                    looked_at = time.monotonic()
                    now, accepted = self.clock.now(), await self.store.oldest_pending()
                    names = accepted.keys() | self._workers.keys()
                    self.metrics.oldest = {name: max(0.0, now - accepted.get(name, now)) for name in names}
                await pruning.turn()
            except StoreError as error:
                logger.error("the store fails, trying again: %s", error)  # noqa: TRY400 - told every time, without its traceback
            await asyncio.sleep(_POLL)

    async def _waiting(self) -> bool:
        """Whether something is pending that will not wait for people."""
        due = await self.store.next_due()
        paused = {pause.instance for pause in await self.pauses()}
        return any(instance in self._workers and instance not in paused for instance in due)

    def _count(self, plans: list[Plan]) -> tuple[int, int]:
        """Count new calls and wake their workers; return how many calls and rejections there are."""
        calls = Counter(
            ((call.instance, call.destination, call.action, call.mapping), call.payload is None)
            for plan in plans
            for call in plan.event.calls
        )
        self.metrics.notes.update(
            # Of a field inside a field the outer one: items of lists have no number here.
            (call.instance, call.mapping, note.field.partition(".")[0])
            for plan in plans
            for call in plan.event.calls
            for note in call.notes
        )
        rejected = 0
        now = self.clock.now()
        for (labels, is_rejected), count in calls.items():
            self.metrics.count("accepted", labels, count)
            if is_rejected:
                self.metrics.count("rejected", labels, count)
                rejected += count
            elif (worker := self._workers.get(labels[0])) is not None:
                worker.due_at(now)
        return calls.total(), rejected

    def _check_open(self) -> None:
        if not self._process:
            raise RuntimeError("this delivery is not open: use it within `async with Delivery(...)`")
        if self._process != os.getpid():
            raise RuntimeError("this delivery was opened before a fork: open one in each process")
