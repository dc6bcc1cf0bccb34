"""What a destination's requests were answered: written to the store together, then counted and told."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from actions_engine.call import SentCall
from actions_engine.delivery.async_store import AsyncStore
from actions_engine.delivery.attempt import Attempted
from actions_engine.delivery.backoff import Jitter
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.metrics import Metrics
from actions_engine.delivery.queue import Group, Held
from actions_engine.delivery.settlement import halve, settle
from actions_engine.errors import StoreError
from actions_engine.mapping import Instance
from actions_engine.outcome import Outcome
from actions_engine.store.contract import Pause, Settlement

logger = logging.getLogger("actions_engine.delivery")


class Surroundings(Protocol):
    """What all workers share."""

    store: AsyncStore
    clock: Clock
    jitter: Jitter
    metrics: Metrics

    @property
    def is_heard(self) -> bool:
        """Whether anybody wants to hear of outcomes."""
        ...

    def heard(self, call: SentCall, outcome: Outcome) -> None:
        """Hear of a call that a request carried."""


@dataclass(slots=True, eq=False)
class Answered:
    """A group whose request was answered, and what is to be written of its calls."""

    group: Group
    result: Attempted
    settlements: list[Settlement]
    pause: Pause | None

    @property
    def again(self) -> list[tuple[Held, Settlement]]:
        """The calls that are pending still."""
        if self.result.is_delivered:
            return []
        return [
            (held, settlement)
            for held, settlement in zip(self.group.calls, self.settlements, strict=True)
            if settlement.kind in ("retry", "release")
        ]


class Commits:
    """Commits what became of one destination instance's requests.

    Args:
        instance: The destination instance.
        shared: What answers are written and told to.
        written: Hears of each group once its outcomes are committed: a crash between the two must not bring back a
            user's earlier call behind a later one.
    """

    def __init__(
        self, instance: Instance, shared: Surroundings, written: Callable[[Answered], Awaitable[None]]
    ) -> None:
        self._instance = instance
        self._shared = shared
        self._written = written
        self._waiting: list[Answered] = []
        self._writer: asyncio.Task[None] | None = None

    def add(self, group: Group, result: Attempted, pause: Pause | None, now: float) -> None:
        """Take an answer in, to be written with those of all requests that are answered meanwhile."""
        self._waiting.append(Answered(group, result, self._settlements(group, result, now), pause))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())

    async def all_written(self) -> None:
        """Wait until nothing is left to be written."""
        if self._writer is not None:
            await self._writer

    def _settlements(self, group: Group, result: Attempted, now: float) -> list[Settlement]:
        if result.is_delivered:
            return [Settlement(held.call.id, held.call.token, "delivered") for held in group.calls]
        if result.split:
            return [
                halve(held.call, len(group.calls), outcome.reason, now=now)
                for held, outcome in zip(group.calls, result.outcomes, strict=True)
            ]
        # One draw for the whole group: what failed together is tried again together, in one request and not in many.
        share = self._shared.jitter(1.0)
        settings = self._instance.delivery
        return [
            settle(held.call, outcome, settings, now=now, jitter=lambda ceiling: ceiling * share)
            for held, outcome in zip(group.calls, result.outcomes, strict=True)
        ]

    async def _write_all(self) -> None:
        while self._waiting:
            answered, self._waiting = self._waiting, []
            try:
                await self._write(answered)
            except StoreError as error:
                logger.error("%s: answers are lost, their calls will be sent again: %s", self._instance.name, error)  # noqa: TRY400 - the store said why
        self._writer = None

    async def _write(self, answered: list[Answered]) -> None:
        store = self._shared.store
        for pause in [each.pause for each in answered if each.pause is not None]:
            await store.pause(pause)
        await store.settle([settlement for each in answered for settlement in each.settlements])
        for each in answered:
            try:
                await self._written(each)
                self._tell(each)
            except StoreError:
                raise
            except Exception:
                # It is in the store; that nobody hears of it must not hold up the others.
                logger.exception("%s: what became of calls could not be told", self._instance.name)

    def _tell(self, each: Answered) -> None:
        if each.result.is_delivered and not self._shared.is_heard:
            calls = each.group.calls
            names = self._instance.name, self._instance.destination.name, calls[0].action.name
            for mapping, count in Counter([held.call.mapping for held in calls]).items():
                self._shared.metrics.count("delivered", (*names, mapping), count)
            return
        for held, outcome, settlement in zip(each.group.calls, each.result.outcomes, each.settlements, strict=True):
            self._tell_one(held, outcome, settlement)

    def _tell_one(self, held: Held, outcome: Outcome, settlement: Settlement) -> None:
        metrics, call, destination = self._shared.metrics, held.call, self._instance.destination.name
        labels = call.instance, destination, held.action.name, call.mapping
        match settlement.kind:
            case "delivered" | "rejected" | "dead":
                metrics.count(settlement.kind, labels)
            case "retry":
                metrics.count("retries", labels)
        if settlement.kind in ("rejected", "dead"):
            told = {"mapping": call.mapping, "action": call.action, "key": call.key, "reason": settlement.reason}
            logger.warning(
                "%s: %s by mapping %r: %s",
                call.instance,
                settlement.kind,
                call.mapping,
                settlement.reason,
                extra={"instance": call.instance, "destination": destination, **told},
            )
        if self._shared.is_heard:
            names = destination, call.instance, held.action.name, call.mapping
            self._shared.heard(SentCall(*names, call.key, held.payload, call.attempts + 1), outcome)
