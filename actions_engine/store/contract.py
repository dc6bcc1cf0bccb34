"""What a store is given and gives back, as values, and what every store does.

A store is used from one thread at a time and never reads a clock: `now` is always Unix time in seconds, given to it.
Every method that changes something is one transaction; returning means that it is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from actions_engine.note import Note

#: What a row of the ledger is. `pending` covers waiting, leased and paused.
State = Literal["pending", "delivered", "rejected", "dead"]


class PlannedCall(msgspec.Struct, frozen=True, gc=False):
    """A row to be: one event and one mapping that fired.

    Attributes:
        key: The call's idempotency key.
        instance: The destination instance.
        destination: The destination's name.
        mapping: The mapping's name.
        action: The action's name.
        payload: The validated payload as JSON; None where the mapping rejected the event.
        user: Whose order is kept: the event's userId, else its anonymousId, else empty.
        reason: Why it is rejected already; empty for a call that is to be delivered.
        notes: What it goes out without.
    """

    key: str
    instance: str
    destination: str
    mapping: str
    action: str
    payload: bytes | None
    user: str = ""
    reason: str = ""
    notes: tuple[Note, ...] = ()


class PlannedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event to be accepted with everything that it became.

    Attributes:
        message_id: What it is known by; a second one within the dedupe window is counted and makes no call.
        event: The event as JSON; None where events are not to be stored.
        calls: One for each mapping that fired.
    """

    message_id: str
    event: bytes | None
    calls: tuple[PlannedCall, ...]


class LeasedCall(msgspec.Struct, frozen=True, gc=False):
    """A call that a worker holds until the lease ends.

    Attributes:
        id: The row.
        token: The lease's; a settlement with another one changes nothing.
        attempts: Requests that carried it before.
        accepted_at: Unix time; the retry window counts from here (after a replay, from the replay).
        bisect: Size of the largest batch that it may be sent in, halved where a batch was refused; 0 is no limit.
    """

    id: int
    token: str
    key: str
    instance: str
    mapping: str
    action: str
    user: str
    payload: bytes
    attempts: int
    accepted_at: float
    bisect: int = 0


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """What became of a leased call.

    Attributes:
        kind: `delivered`, `rejected` and `dead` end it; `retry` leaves it pending until `due`; `release` gives it back
            as it was, the attempt not counted.
        due: Unix time of the next attempt, for `retry` and `release`.
        reason: Why, for people; masked.
        bisect: For `retry`: the largest batch from now on, see LeasedCall.
    """

    id: int
    token: str
    kind: Literal["delivered", "rejected", "dead", "retry", "release"]
    due: float = 0.0
    reason: str = ""
    bisect: int = 0


#: The end of a pause that has none but somebody's word: the last moment of the year 9999.
BY_HAND = 253_402_300_799.0


class Pause(msgspec.Struct, frozen=True):
    """A destination instance that is not leased from until a moment, and why."""

    instance: str
    until: float
    reason: str

    @property
    def is_by_hand(self) -> bool:
        """Whether somebody paused it, who alone ends it."""
        return self.until >= BY_HAND


class LedgerRow(msgspec.Struct, frozen=True):
    """The account of one mapping of one destination instance. The law: accepted is the sum of the rest.

    Attributes:
        accepted: Counted when calls are accepted, apart from the rows, so that a lost row shows.
        delivered: Rows that are, and those pruned since.
        replayed: Times that a dead or rejected row was sent back to pending: no part of the law.
        noted: Rows, of those that are kept, that go out without a value that could not be read: no part of it either.
    """

    instance: str
    mapping: str
    accepted: int
    delivered: int
    rejected: int
    dead: int
    pending: int
    replayed: int = 0
    noted: int = 0

    @property
    def holds(self) -> bool:
        """Whether the law holds."""
        return self.accepted == self.delivered + self.rejected + self.dead + self.pending


class StoredCall(msgspec.Struct, frozen=True):
    """A row as commands show it."""

    id: int
    key: str
    message_id: str
    instance: str
    destination: str
    mapping: str
    action: str
    state: State
    reason: str
    attempts: int
    accepted_at: float
    updated_at: float
    configuration: str
    payload: bytes | None
    event: bytes | None


class NotedCall(msgspec.Struct, frozen=True):
    """A row with its notes, as `notes` shows it."""

    id: int
    key: str
    message_id: str
    instance: str
    mapping: str
    state: State
    notes: tuple[Note, ...]


class Filter(msgspec.Struct, frozen=True):
    """Which rows a command means; what is None does not narrow.

    Attributes:
        states: By default what is dead or rejected.
        reason: Text that the reason holds, in any case.
        since: Unix time of the last change, from here.
        until: And before here.
    """

    states: tuple[State, ...] = ("dead", "rejected")
    instance: str | None = None
    mapping: str | None = None
    reason: str | None = None
    since: float | None = None
    until: float | None = None
    ids: tuple[int, ...] | None = None


class Store(Protocol):
    """The outbox and the ledger in one: what is accepted, what is pending, what became of it."""

    def open(self) -> None:
        """Connect, and create or migrate the tables.

        Raises:
            StoreError: it cannot be opened, or a newer release wrote it.
        """

    def close(self) -> None:
        """Let go of every resource; a second time does nothing."""

    def join(self, *, now: float) -> str:
        """Begin to deliver from the store, and return what there is to warn of in others that do.

        Where it is certain that nobody else does, calls that were leased are due at once: who held them is dead.
        """
        ...

    def accept(
        self,
        events: Sequence[PlannedEvent],
        *,
        now: float,
        configuration: str,
        dedupe_since: float,
        position: tuple[str, str] | None = None,
    ) -> tuple[bool, ...]:
        """Commit events with their calls, all or none, and with them how far an input was read (name, position).

        Returns of each event, in their order, whether it is new.

        Raises:
            StoreError: nothing was accepted.
        """
        ...

    def lease(self, instance: str, limit: int, *, now: float, until: float, ordered: bool = False) -> list[LeasedCall]:
        """Take up to `limit` due calls of an instance, oldest first, nobody else gets them before `until`.

        With `ordered`, never a call of a user who has an earlier pending call that this lease does not take too.
        A lease that has ended is taken like a due call.
        """
        ...

    def settle(self, settlements: Iterable[Settlement], *, now: float) -> int:
        """Write what became of leased calls and return how many were still held by their token."""
        ...

    def expire(
        self, instance: str, *, before: float, reason: str, now: float, limit: int = 1_000
    ) -> dict[tuple[str, str], int]:
        """Make pending calls that nobody holds dead whose retry window began before a moment, the oldest first.

        Returns how many of each action and mapping, `limit` in all at most.
        """
        ...

    def rewind(self, *, now: float) -> int:
        """Bring forward what waits since a moment still to come, as the clock was set back; return how many rows."""
        ...

    def oldest_pending(self) -> dict[str, float]:
        """Return when the first pending call of each instance was accepted, Unix time."""
        ...

    def next_due(self, *, now: float) -> dict[str, float]:
        """Return when the first pending call of each instance is due, pauses included; `now` or earlier: at once."""
        ...

    def pause(self, pause: Pause) -> None:
        """Lease nothing of an instance until then."""

    def resume(self, instance: str) -> None:
        """End a pause."""

    def pauses(self, *, now: float) -> list[Pause]:
        """Return the pauses in force."""
        ...

    def note_waits(self, waits: Mapping[str, str], served: Iterable[str]) -> None:
        """Note why the pending calls of instances wait that nobody delivers, and forget it of those that are served."""

    def waits(self) -> dict[str, str]:
        """Return why pending calls wait, by instance, as whoever started last noted it."""
        ...

    def ledger(self) -> list[LedgerRow]:
        """Return the account, a row for each instance and mapping, from one snapshot."""
        ...

    def duplicates(self) -> int:
        """Return how many duplicate events were ever refused."""
        ...

    def find(self, what: Filter, *, limit: int = 100, after: int = 0) -> list[StoredCall]:
        """Return rows in the order of their ids, those beyond `after`."""
        ...

    def notes(self, what: Filter, *, limit: int = 100, after: int = 0) -> list[NotedCall]:
        """Return rows that have notes in the order of their ids, those beyond `after`."""
        ...

    def replay(self, what: Filter, *, now: float) -> int:
        """Send dead or rejected rows that have a payload back to pending, attempts and retry window anew."""
        ...

    def replace(self, call_id: int, planned: PlannedCall | None, *, now: float, configuration: str) -> bool:
        """Give a dead or rejected row what its event became today and make it pending (rejected again if it is so)."""
        ...

    def drop(self, what: Filter, *, now: float) -> int:
        """Make dead rows `rejected` with the reason that they were dropped; return how many."""
        ...

    def prune(self, *, delivered_before: float, events_before: float, limit: int = 10_000) -> int:
        """Delete delivered rows, and events that no row needs, in small steps; the ledger counts them still."""
        ...

    def position(self, name: str) -> str | None:
        """Return how far an input was read when its events were last accepted."""
        ...

    def configurations(self) -> dict[str, int]:
        """Return how many pending calls each configuration version planned."""
        ...
