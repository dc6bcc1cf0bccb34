"""The worker of one destination instance: leases calls, groups them, sends groups side by side, settles."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from actions_engine.delivery.attempt import attempt
from actions_engine.delivery.commits import Answered, Commits, Surroundings
from actions_engine.delivery.health import Health
from actions_engine.delivery.metrics import Labels
from actions_engine.delivery.plugin_code import PluginCode
from actions_engine.delivery.provenance import Provenance
from actions_engine.delivery.queue import Group, Held, Queue, hold
from actions_engine.delivery.settlement import release
from actions_engine.delivery.transports.contract import AsyncTransport
from actions_engine.destination import Action
from actions_engine.errors import StoreError
from actions_engine.mapping import Instance, Mapping
from actions_engine.masking import Masker
from actions_engine.store.contract import BY_HAND, LeasedCall, Settlement
from actions_engine.store.payload_json import read_payload

logger = logging.getLogger("actions_engine.delivery")

#: Calls that a worker holds at most: what a crash makes wait for its lease's end.
MOST_HELD = 2_000
_STORE_WAIT = 1.0
# Something always happens before: a wake-up, or the look at the store.
_LONG = 60.0


class Worker:
    """Delivers one destination instance's calls, at its own pace, whatever becomes of the others."""

    def __init__(
        self,
        instance: Instance,
        shared: Surroundings,
        transport: AsyncTransport,
        *,
        lease: float | None = None,
        mappings: Iterable[Mapping] = (),
    ) -> None:
        self.instance = instance
        self.health = Health(instance)
        self._settings = instance.delivery
        self._shared = shared
        self._store, self._clock = shared.store, shared.clock
        self._transport = transport
        self._actions = _actions(instance)
        batches = [action.batch for action in self._actions.values() if action.batch is not None]
        # A request's timeout is in real seconds, a lease in those of the clock.
        self._patience = self._settings.timeout * self._clock.speed
        linger = max((batch.linger for batch in batches), default=0.0)
        self._lease = lease or 2 * self._patience + linger + 15.0 * self._clock.speed
        self._largest_batch = max((batch.max_calls for batch in batches), default=1)
        self._secrets = instance.secrets
        self._masker = Masker(instance.secrets)
        # A transport of the destination's own goes where its settings say.
        self._provenance = None if instance.destination.transport else Provenance(instance.settings, mappings)
        self._code = PluginCode(self._settings.timeout)
        self._queue = Queue(ordered=self._settings.ordering == "user")
        self._held: dict[int, Held] = {}
        # As few calls held as make leasing more worth its transaction.
        self._few = 0
        self._lanes: set[asyncio.Task[None]] = set()
        self._commits = Commits(instance, shared, self._written)
        self._latency = 0.0
        self._wake = asyncio.Event()
        self._due = 0.0
        self._stopping = False

    @property
    def is_idle(self) -> bool:
        """Whether it holds no call."""
        return not self._held

    @property
    def gets_on(self) -> bool:
        """Whether the destination takes calls: neither paused nor failing again and again."""
        return self.health.breaker.is_closed and not self.health.is_paused(self._clock.now())

    def hold(self, is_held: bool) -> None:
        """Hear whether somebody paused the destination by hand: what is not under way goes back."""
        if is_held and self.health.paused_until < BY_HAND:
            self.health.paused_until = BY_HAND
            self._wake.set()
        elif not is_held and self.health.paused_until >= BY_HAND:
            self.health.paused_until = 0.0
            self.due_at(0.0)

    def due_at(self, moment: float) -> None:
        """Hear that a call is due at a moment."""
        if moment < self._due:
            self._due = moment
            self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop` is called."""
        async with self._transport:
            while not self._stopping:
                try:
                    wait = await self._turn()
                except StoreError as error:
                    logger.error("%s: the store fails, trying again: %s", self.instance.name, error)  # noqa: TRY400 - told every time, without its traceback
                    wait = _STORE_WAIT
                    self._due = self._clock.now()
                except Exception:
                    # A mistake of ours must not end the deliveries of a destination.
                    logger.exception("%s: the worker failed, going on", self.instance.name)
                    wait = _STORE_WAIT
                await self._clock.wait(self._wake, wait)
            await self._finish()

    def stop(self) -> None:
        """Lease nothing more, and end `run` once the requests under way are answered."""
        self._stopping = True
        self._wake.set()

    async def abort(self) -> None:
        """Give up the requests under way and release their calls."""
        tasks = list(self._lanes)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await self._release(list(self._held.values()))

    async def _finish(self) -> None:
        with contextlib.suppress(StoreError):
            await self._give_back()
        if self._lanes:
            await asyncio.wait(self._lanes)
        await self._commits.all_written()
        # What waited behind those requests, or was leased while they ended, may go to others at once.
        with contextlib.suppress(StoreError):
            await self._release(list(self._held.values()))

    # -- one turn

    async def _turn(self) -> float:
        """Send and lease as much as may be; return how long nothing more is to be done unless something happens."""
        while True:
            now = self._clock.now()
            wait = await self._send_groups(now)
            room = self._room(now)
            if self._stopping or not room or self._due > now:
                return min(wait, max(0.0, self._due - now) if room else wait)
            await self._take(room, now)

    def _room(self, now: float) -> int:
        """Return how many calls may be leased."""
        if self.health.is_paused(now):
            return 0
        if not self.health.breaker.is_closed:
            return 1 if self.health.most_requests(now) and not self._held else 0
        # By halves, so that a lease is worth its transaction.
        most = self._most_held()
        self._few = most // 2
        return most - len(self._held) if len(self._held) <= self._few else 0

    def _most_held(self) -> int:
        """Return how many calls to hold: what some seconds take, so that a lease is worth its transaction."""
        settings, largest = self._settings, self._largest_batch
        # Two rounds of requests where they are slow, more where they are quick.
        rounds = min(16.0, max(2.0, 1.0 / self._latency)) if self._latency else 2.0
        most = int(rounds * settings.concurrency) * largest
        if settings.max_requests_per_second is not None:
            most = min(most, int(5 * settings.max_requests_per_second + 1) * largest)
        if settings.max_records_per_minute is not None:
            most = min(most, int(settings.max_records_per_minute / 12))
        return max(2, largest, min(most, MOST_HELD))

    async def _take(self, room: int, now: float) -> None:
        # Before the query, so that whatever becomes due while it runs is not missed.
        self._due = float("inf")
        until = now + self._lease
        calls = await self._store.lease(
            self.instance.name,
            room,
            now=now,
            until=until,
            ordered=self._settings.ordering == "user",
        )
        if len(calls) >= room:
            self._due = now
        unfit: list[Settlement] = []
        for call in calls:
            if (known := self._held.get(call.id)) is not None:
                # Its lease ended while it was being sent: the answer settles it by the new token.
                known.call, known.until = call, until
                continue
            try:
                held = self._read(call, until)
            except Exception as error:  # noqa: BLE001 - a policy's functions may raise anything
                unfit.append(Settlement(call.id, call.token, "rejected", reason=str(error)[:500]))
                self._shared.metrics.count("rejected", self._labels(call.action, call.mapping))
            else:
                self._held[call.id] = held
                self._queue.add(held, now)
        await self._store.settle(unfit)

    def _read(self, call: LeasedCall, until: float) -> Held:
        action = self._actions.get(call.action)
        if action is None:
            raise ValueError(f"{self.instance.destination.name} has no action {call.action!r} any more")
        try:
            payload = read_payload(action.payload, call.payload, action.renamed_fields)
        except ValueError as error:
            raise ValueError(
                f"the stored payload does not fit today's plugin: {error}; replay it with --remap"
            ) from None
        return hold(call, until, action, payload.bind(call.key))

    async def _send_groups(self, now: float) -> float:
        """Start what may start; return how long until more may."""
        if not self.health.breaker.is_closed and self.health.most_requests(now) == 0 and not self._stopping:
            await self._give_back()
            await self._expire(now)
            return max(0.0, (self.health.breaker.opened_until or now) - now)
        if self.health.is_paused(now):
            await self._give_back()
            return self.health.paused_until - now
        while len(self._lanes) < self.health.most_requests(now):
            group = await self._next(now)
            if not isinstance(group, Group):
                return group
            lane = asyncio.create_task(self._lane(group))
            self._lanes.add(lane)
            lane.add_done_callback(self._ended)
        return _LONG

    async def _next(self, now: float) -> Group | float:
        """Return the next group to be sent now, or how long until there may be one."""
        while True:
            group = self._queue.take(now, hurry=not self.health.breaker.is_closed)
            if group is None:
                due = self._queue.next_due()
                return _LONG if due is None else max(0.0, due - now)
            if group.until - now < self._patience:
                # The lease could end before the answer comes.
                await self._let_go(group)
                continue
            if (wait := self.health.limits.wait(group.records, now)) > 0:
                self._queue.put_back(group)
                return wait
            self.health.limits.take(group.records, now)
            return group

    def _ended(self, lane: asyncio.Task[None]) -> None:
        self._lanes.discard(lane)
        self._wake.set()

    # -- requests

    async def _lane(self, first: Group) -> None:
        """Send one group after another while nothing stands against it: one of the requests that are under way."""
        group: Group | float = first
        while isinstance(group, Group):
            try:
                await self._send(group)
                now = self._clock.now()
                if self._stopping or self.health.is_paused(now) or not self.health.breaker.is_closed:
                    return
                if self._due <= now and len(self._held) <= self._few:
                    self._wake.set()
                group = await self._next(now)
            except StoreError as error:
                logger.error("%s: the store fails, trying again: %s", self.instance.name, error)  # noqa: TRY400 - told every time, without its traceback
                return
            except Exception:
                logger.exception("%s: a group could not be sent, its calls go back", self.instance.name)
                if isinstance(group, Group):
                    with contextlib.suppress(StoreError):
                        await self._let_go(group)
                return

    async def _send(self, group: Group) -> None:
        began = self._clock.now()
        # What a transport of its own does in its threads cannot be stopped: to give up waiting would be to send twice.
        patience = None if self._transport.flushes else (group.until - began) / self._clock.speed
        result = await attempt(
            group.calls[0].action,
            self.instance.settings,
            [held.payload for held in group.calls],
            self._transport,
            self._masker,
            secrets=self._secrets,
            code=self._code,
            provenance=self._provenance,
            patience=patience,
        )
        self._queue.learn(group, result.excess)
        now = self._clock.now()
        seconds = (now - began) / self._clock.speed
        self._latency = 0.9 * self._latency + 0.1 * seconds if self._latency else seconds
        labels = self.instance.name, self.instance.destination.name, group.calls[0].action.name
        self._shared.metrics.took(labels, seconds, result.error_type)
        # The next request need not wait for the commit of this one's outcome.
        self._commits.add(group, result, self.health.judge(result, now), now)
        # Forgotten before that commit: right after it a lease may bring the same call again, as a new one.
        self._forget(group.calls)

    async def _written(self, answered: Answered) -> None:
        again = answered.again
        await self._release(self._queue.finish(answered.group, [held for held, _ in again], self._clock.now()))
        if again:
            self.due_at(min(settlement.due for _, settlement in again))
        self._wake.set()

    async def _expire(self, now: float) -> None:
        """End the calls whose retry window closed while the destination failed: they are not tried one by one.

        A paused destination's calls wait however long: what is wrong with it is for people to mend.
        """
        window = self._settings.retry_window
        reason = f"not delivered within {window:,.0f} s: the destination failed; {self.health.failed_with}"
        while expired := await self._store.expire(self.instance.name, before=now - window, reason=reason, now=now):
            for (action, mapping), count in expired.items():
                self._shared.metrics.count("dead", self._labels(action, mapping), count)
            logger.warning(
                "%s: %d calls are dead: %s",
                self.instance.name,
                sum(expired.values()),
                reason,
                extra={"instance": self.instance.name, "destination": self.instance.destination.name, "reason": reason},
            )

    # -- giving back

    async def _give_back(self) -> None:
        """Release what is held and not under way, for whoever may send it later."""
        await self._release(self._queue.clear())

    async def _let_go(self, group: Group) -> None:
        """Release a group and what waits behind it."""
        behind = self._queue.finish(group, group.calls, self._clock.now())
        await self._release([*group.calls, *behind])

    async def _release(self, calls: Iterable[Held]) -> None:
        given = [held for held in calls if held.call.id in self._held]
        if given:
            now = self._clock.now()
            self._forget(given)
            await self._store.settle([release(held.call, now=now) for held in given])
            self.due_at(now)

    def _labels(self, name: str, mapping: str) -> Labels:
        """Return what a call is counted by: its action by the name of today."""
        action = self._actions.get(name)
        return self.instance.name, self.instance.destination.name, action.name if action else name, mapping

    def _forget(self, calls: Iterable[Held]) -> None:
        for held in calls:
            self._held.pop(held.call.id, None)


def _actions(instance: Instance) -> dict[str, Action]:
    """Return a destination's actions by the names that they have and had."""
    actions = {name: action for action in instance.destination.actions.values() for name in action.formerly}
    return actions | instance.destination.actions
