"""Leased calls -> groups that share a request, and with `ordering: user` one group after another for each user."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf

from actions_engine.batch import Filling, batch_place
from actions_engine.destination import Action, Batch
from actions_engine.payload import Payload
from actions_engine.store.contract import LeasedCall


@dataclass(slots=True, eq=False)
class Held:
    """A leased call, ready to be sent.

    Attributes:
        call: The lease.
        until: When the lease ends, Unix time.
        action: What to send it by.
        payload: Read back.
        key: Only calls with an equal key share a request; None where each is a request of its own.
        records: Vendor records that it makes.
    """

    call: LeasedCall
    until: float
    action: Action
    payload: Payload
    key: Hashable
    records: int = 1


def hold(call: LeasedCall, until: float, action: Action, payload: Payload) -> Held:
    """Return a leased call with what the action's batch policy says of it.

    Raises:
        PluginError: one of the policy's functions raised, or returned what it may not.
    """
    if action.batch is None:
        return Held(call, until, action, payload, None)
    key, records = batch_place(action, action.batch, payload)
    return Held(call, until, action, payload, key, records)


# What requests were longer than their payloads is taken for a little more, as it differs from call to call,
_MARGIN = 1.1
# and forgotten slowly: calls of another kind would otherwise travel in small batches for ever.
_FORGETTING = 0.999


@dataclass(slots=True, eq=False)
class Group(Filling[Held]):
    """Calls for one request, which takes more until it is full or has waited long enough."""

    growth: float = 1.0
    opened: float = 0.0
    until: float = inf
    limit: int = 1
    is_open: bool = True
    is_urgent: bool = False

    def has_room(self, policy: Batch, held: Held) -> bool:
        """Whether the policy lets one more in."""
        bisect = held.call.bisect
        limit = min(self.limit, bisect) if bisect else self.limit
        return self.takes(policy, self._size_of(held), held.records, limit)

    def add(self, held: Held) -> None:
        """Take a call in."""
        self.put(held, self._size_of(held), held.records)
        # Another lease of a call that is held makes it only longer.
        self.until = min(self.until, held.until)
        if bisect := held.call.bisect:
            # Part of a batch that was refused: it is smaller, and waits for no company.
            self.limit = min(self.limit, bisect)
            self.is_urgent = True

    def _size_of(self, held: Held) -> int:
        return int(self.growth * len(held.call.payload))


def _tells_apart(action: Action) -> bool:
    """Whether calls of one request may end differently: a reader of answers, and several steps, tell them apart."""
    return action.outcomes is not None or inspect.isgeneratorfunction(action.function)


@dataclass(slots=True, eq=False)
class _User:
    """A user with calls in a group or under way, and those that wait behind."""

    group: Group
    waiting: deque[Held] = field(default_factory=deque)


class Queue:
    """What a destination instance's worker holds and has not sent."""

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._open: dict[Hashable, Group] = {}
        self._ready: deque[Group] = deque()
        self._users: dict[str, _User] = {}
        # By action: how many times as long as its payloads a request is.
        self._growth: dict[str, float] = {}

    def add(self, held: Held, now: float) -> None:
        """Take a call in, in the order of its acceptance."""
        name = held.call.user
        user = self._users.get(name) if self._ordered and name else None
        if user is None:
            group = self._place(held, now)
            if self._ordered and name:
                self._users[name] = _User(group)
        elif not self._joins(user, held):
            user.waiting.append(held)

    def take(self, now: float, *, hurry: bool = False) -> Group | None:
        """Return the next group that is full or has waited long enough; with `hurry` any group."""
        if self._ready:
            return self._ready.popleft()
        for key, group in self._open.items():
            if hurry or self._due(group) <= now:
                del self._open[key]
                group.is_open = False
                return group
        return None

    def put_back(self, group: Group) -> None:
        """Return a group that could not be sent yet; it is the next one taken."""
        self._ready.appendleft(group)

    def learn(self, group: Group, excess: int) -> None:
        """Hear whether a group's request was longer than its policy lets it be, and by that fill those to come.

        Args:
            group: What was to be sent.
            excess: Bytes of the body that was too long, or 0.
        """
        name = group.calls[0].action.name
        if excess:
            payloads = sum(len(held.call.payload) for held in group.calls)
            self._growth[name] = max(self._growth.get(name, 1.0), _MARGIN * excess / max(1, payloads))
        elif name in self._growth:
            self._growth[name] = max(1.0, _FORGETTING * self._growth[name])

    def next_due(self) -> float | None:
        """Return when a group will have waited long enough, if any is waiting."""
        return min((self._due(group) for group in self._open.values()), default=None)

    def finish(self, group: Group, failed: Iterable[Held], now: float) -> list[Held]:
        """Let those go on who waited behind a group; return the calls that wait behind a failed one, to be released."""
        released: list[Held] = []
        if not self._ordered:
            return released
        lost = {held.call.user for held in failed}
        for name in dict.fromkeys(held.call.user for held in group.calls if held.call.user):
            user = self._users.pop(name, None)
            if user is None:
                continue
            if name in lost:
                released += user.waiting
            else:
                for held in user.waiting:
                    self.add(held, now)
        return released

    def clear(self) -> list[Held]:
        """Give up every call that is in no group under way, and return them."""
        groups = [*self._ready, *self._open.values()]
        given_up = [held for group in groups for held in group.calls]
        given_up += [held for user in self._users.values() for held in user.waiting]
        for name in {held.call.user for group in groups for held in group.calls}:
            self._users.pop(name, None)
        for user in self._users.values():
            user.waiting.clear()
        self._ready.clear()
        self._open.clear()
        return given_up

    # -- one step each

    def _place(self, held: Held, now: float) -> Group:
        policy = held.action.batch
        if policy is None:
            group = Group(opened=now, is_open=False)
            group.add(held)
            self._ready.append(group)
            return group
        open_group = self._open.get(held.key)
        if open_group is not None and not open_group.has_room(policy, held):
            self._close(held.key)
            open_group = None
        if open_group is None:
            growth = self._growth.get(held.action.name, 1.0)
            open_group = self._open[held.key] = Group(growth=growth, opened=now, limit=policy.max_calls)
        self._fill(open_group, held)
        return open_group

    def _joins(self, user: _User, held: Held) -> bool:
        """Add a user's further call to the group that holds the one before, if that keeps their order."""
        group, policy = user.group, held.action.batch
        # Where a vendor answers for each item alone, the first could fail and the second succeed.
        if user.waiting or policy is None or _tells_apart(held.action):
            return False
        if not group.is_open or group.calls[0].key != held.key or not group.has_room(policy, held):
            return False
        self._fill(group, held)
        return True

    def _fill(self, group: Group, held: Held) -> None:
        group.add(held)
        if len(group.calls) >= group.limit:
            self._close(held.key)

    def _close(self, key: Hashable) -> None:
        group = self._open.pop(key)
        group.is_open = False
        self._ready.append(group)

    @staticmethod
    def _due(group: Group) -> float:
        batch = group.calls[0].action.batch
        return group.opened if batch is None or group.is_urgent else group.opened + batch.linger

    def __iter__(self) -> Iterator[Held]:
        for group in (*self._ready, *self._open.values()):
            yield from group.calls
        for user in self._users.values():
            yield from user.waiting
