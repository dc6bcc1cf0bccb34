"""What every SQL store does, in the SQL that SQLite and PostgreSQL share."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from actions_engine.store.condition import condition_of
from actions_engine.store.contract import (
    Filter,
    LeasedCall,
    LedgerRow,
    NotedCall,
    Pause,
    PlannedCall,
    PlannedEvent,
    Settlement,
    StoredCall,
)
from actions_engine.store.cursor import Cursor, chunks, marks, run_for
from actions_engine.store.notes import count_noted, find_notes, insert_notes
from actions_engine.store.text import storable

_INSERT_CALL = (
    "INSERT INTO calls (id, event_id, instance, mapping, destination, action, idempotency_key, user_key, payload, "
    "state, reason, attempts, bisect, due, accepted_at, window_from, updated_at, configuration) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SETTLE = (
    "UPDATE calls SET state = ?, reason = COALESCE(?, reason), bisect = COALESCE(?, bisect), due = ?, "
    "attempts = attempts + ?, updated_at = ?, token = NULL WHERE token = ? AND state = 'pending' AND id IN ({ids})"
)
# A lease that ended without a word was an attempt too: a call that kills its worker must not be tried for ever.
_LEASE = (
    "UPDATE calls SET attempts = attempts + CASE WHEN token IS NULL THEN 0 ELSE 1 END, token = ?, due = ? "
    "WHERE id IN ({ids})"
)
_LEASED = "id, idempotency_key, instance, mapping, action, user_key, payload, attempts, window_from, bisect, token"
_STORED = (
    "c.id, c.idempotency_key, COALESCE(e.message_id, ''), c.instance, c.destination, c.mapping, c.action, c.state, "
    "c.reason, c.attempts, c.accepted_at, c.updated_at, c.configuration, c.payload, e.event"
)


# Seconds that clocks of several hosts may differ.
_SKEW = 60.0
# What a note in `meta` of why an instance's calls wait begins with.
_WAITS = "waits "


class SQLStore(ABC):
    """A store in a database; see `Store` for what each method does."""

    @abstractmethod
    def open(self) -> None:
        """Connect, and create or migrate the tables."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every resource."""

    @abstractmethod
    def _transaction(self, *, write: bool = True) -> AbstractContextManager[Cursor]:
        """Return a transaction that commits at the end of the block, or not at all; errors become StoreError."""

    @abstractmethod
    def _ids(self, cursor: Cursor, table: str, count: int) -> Sequence[int]:
        """Return ids for new rows, in ascending order."""

    @abstractmethod
    def _lock(self, cursor: Cursor, name: str) -> None:
        """Keep other processes from doing the same until the transaction ends."""

    #: What a query ends with so that rows which another transaction holds are passed over.
    _skip_locked = ""

    # -- accepting

    def accept(
        self,
        events: Sequence[PlannedEvent],
        *,
        now: float,
        configuration: str,
        dedupe_since: float,
        position: tuple[str, str] | None = None,
    ) -> tuple[bool, ...]:
        with self._transaction() as cursor:
            self._lock(cursor, "accept")
            known = self._known(cursor, [event.message_id for event in events], dedupe_since)
            is_new: list[bool] = []
            for event in events:
                is_new.append((name := storable(event.message_id)) not in known)
                known.add(name)
            new = [event for event, fresh in zip(events, is_new, strict=True) if fresh]
            self._insert(cursor, new, now, configuration)
            if duplicates := len(events) - len(new):
                self._count_duplicates(cursor, duplicates)
            if position is not None:
                cursor.run(
                    "INSERT INTO positions VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    [storable(part) for part in position],
                )
        return tuple(is_new)

    @staticmethod
    def _known(cursor: Cursor, names: Sequence[str], since: float) -> set[str]:
        known: set[str] = set()
        for chunk in chunks([storable(name) for name in names]):
            query = f"SELECT message_id FROM events WHERE message_id IN ({marks(chunk)}) AND accepted_at >= ?"
            known.update(row[0] for row in cursor.rows(query, [*chunk, since]))
        return known

    def _insert(self, cursor: Cursor, events: Sequence[PlannedEvent], now: float, configuration: str) -> None:
        numbers = self._ids(cursor, "events", len(events))
        cursor.run_many(
            "INSERT INTO events VALUES (?, ?, ?, ?)",
            [
                (number, storable(event.message_id), event.event, now)
                for number, event in zip(numbers, events, strict=True)
            ],
        )
        planned = [(number, call) for number, event in zip(numbers, events, strict=True) for call in event.calls]
        ids = self._ids(cursor, "calls", len(planned))
        cursor.run_many(
            _INSERT_CALL,
            [
                (
                    call_id, number, *map(storable, (call.instance, call.mapping, call.destination, call.action)),
                    storable(call.key), storable(call.user), call.payload,
                    "rejected" if call.payload is None else "pending", storable(call.reason), 0, 0, now, now, now, now,
                    configuration,
                )
                for call_id, (number, call) in zip(ids, planned, strict=True)
            ],
        )  # fmt: skip
        insert_notes(cursor, [(call_id, call.notes) for call_id, (_, call) in zip(ids, planned, strict=True)])
        counted = Counter((storable(call.instance), storable(call.mapping)) for _, call in planned)
        cursor.run_many(
            "INSERT INTO accounts (instance, mapping, accepted) VALUES (?, ?, ?) "
            "ON CONFLICT (instance, mapping) DO UPDATE SET accepted = accounts.accepted + excluded.accepted",
            # In one order everywhere, so that two processes never wait for each other.
            [(*account, count) for account, count in sorted(counted.items())],
        )

    @staticmethod
    def _count_duplicates(cursor: Cursor, count: int) -> None:
        ((value,),) = cursor.rows("SELECT value FROM meta WHERE name = 'duplicates'")
        cursor.run("UPDATE meta SET value = ? WHERE name = 'duplicates'", [str(int(value) + count)])

    def duplicates(self) -> int:
        with self._transaction(write=False) as cursor:
            ((value,),) = cursor.rows("SELECT value FROM meta WHERE name = 'duplicates'")
        return int(value)

    def position(self, name: str) -> str | None:
        with self._transaction(write=False) as cursor:
            found = cursor.rows("SELECT value FROM positions WHERE name = ?", [storable(name)])
        return str(found[0][0]) if found else None

    # -- leasing and settling

    def lease(self, instance: str, limit: int, *, now: float, until: float, ordered: bool = False) -> list[LeasedCall]:
        token = secrets.token_hex(8)
        with self._transaction() as cursor:
            if cursor.rows("SELECT 1 FROM pauses WHERE instance = ? AND until > ?", [instance, now]):
                return []
            rows = (
                self._due_in_order(cursor, instance, limit, now) if ordered else self._due(cursor, instance, limit, now)
            )
            run_for(cursor, _LEASE, [token, until], [row[0] for row in rows])
        return [
            LeasedCall(
                row[0], token, row[1], row[2], row[3], row[4], row[5], bytes(row[6]), row[7] + (row[10] is not None),
                row[8], row[9],
            )
            for row in rows
        ]  # fmt: skip

    def _due(self, cursor: Cursor, instance: str, limit: int, now: float) -> list[Any]:
        query = (
            f"SELECT {_LEASED} FROM calls WHERE instance = ? AND state = 'pending' AND due <= ? "
            f"ORDER BY due, id LIMIT ? {self._skip_locked}"
        )
        return sorted(cursor.rows(query, [instance, now, limit]), key=lambda row: row[0])

    def _due_in_order(self, cursor: Cursor, instance: str, limit: int, now: float) -> list[Any]:
        """Return due calls such that no user has an earlier pending call that is not among them."""
        self._lock(cursor, f"order of {instance}")
        # A user whose earlier call is leased or waits holds up the later ones, and nobody else's.
        free = (
            "SELECT c.id, c.user_key FROM calls c WHERE c.instance = ? AND c.state = 'pending' AND c.due <= ? AND "
            "(c.user_key = '' OR NOT EXISTS (SELECT 1 FROM calls e WHERE e.instance = c.instance AND "
            "e.user_key = c.user_key AND e.state = 'pending' AND e.id < c.id AND e.due > ?)) "
            "ORDER BY c.due, c.id LIMIT ?"
        )
        found = cursor.rows(free, [instance, now, now, limit])
        chosen = [row[0] for row in found if not row[1]]
        for user, count in Counter(row[1] for row in found if row[1]).items():
            # `due` orders calls by when they may go, ids by when they came: of each user the first ones are taken.
            head = "SELECT id FROM calls WHERE instance = ? AND user_key = ? AND state = 'pending' ORDER BY id LIMIT ?"
            chosen += [row[0] for row in cursor.rows(head, [instance, user, count])]
        chosen.sort()
        return [
            row
            for chunk in chunks(chosen)
            for row in cursor.rows(f"SELECT {_LEASED} FROM calls WHERE id IN ({marks(chunk)}) ORDER BY id", chunk)
        ]

    def settle(self, settlements: Iterable[Settlement], *, now: float) -> int:
        # Calls of one batch mostly end alike: one statement for all of them.
        alike: dict[tuple[Any, ...], list[int]] = {}
        for settlement in settlements:
            alike.setdefault(_settled(settlement, now), []).append(settlement.id)
        if not alike:
            return 0
        with self._transaction() as cursor:
            return sum(run_for(cursor, _SETTLE, values, ids) for values, ids in alike.items())

    def expire(
        self, instance: str, *, before: float, reason: str, now: float, limit: int = 1_000
    ) -> dict[tuple[str, str], int]:
        with self._transaction() as cursor:
            old = (
                "SELECT id, action, mapping FROM calls WHERE instance = ? AND state = 'pending' AND window_from < ? "
                f"AND (token IS NULL OR due <= ?) ORDER BY id LIMIT ? {self._skip_locked}"
            )
            rows = cursor.rows(old, [instance, before, now, limit])
            expired = "UPDATE calls SET state = 'dead', reason = ?, updated_at = ?, token = NULL WHERE id IN ({ids})"
            run_for(cursor, expired, [storable(reason), now], [row[0] for row in rows])
        return Counter((row[1], row[2]) for row in rows)

    def rewind(self, *, now: float) -> int:
        # What was put off by a clock that was ahead is due as long after `now` as it was after that moment.
        with self._transaction() as cursor:
            return cursor.run(
                "UPDATE calls SET due = ? + (due - updated_at), updated_at = ? "
                "WHERE state = 'pending' AND token IS NULL AND updated_at > ?",
                [now, now, now + _SKEW],
            )

    def oldest_pending(self) -> dict[str, float]:
        # Ids grow with acceptance; the index of what is due holds them, so that no row is looked at but the oldest.
        query = (
            "SELECT calls.instance, accepted_at FROM calls JOIN "
            "(SELECT MIN(id) AS oldest FROM calls WHERE state = 'pending' GROUP BY instance) AS firsts "
            "ON id = oldest"
        )
        with self._transaction(write=False) as cursor:
            return dict(cursor.rows(query))

    def next_due(self, *, now: float) -> dict[str, float]:
        with self._transaction(write=False) as cursor:
            due = dict(cursor.rows("SELECT instance, MIN(due) FROM calls WHERE state = 'pending' GROUP BY instance"))
            paused = dict(cursor.rows("SELECT instance, until FROM pauses WHERE until > ?", [now]))
        return {instance: max(first, paused.get(instance, first)) for instance, first in due.items()}

    def pause(self, pause: Pause) -> None:
        with self._transaction() as cursor:
            cursor.run(
                "INSERT INTO pauses VALUES (?, ?, ?) "
                "ON CONFLICT (instance) DO UPDATE SET until = excluded.until, reason = excluded.reason",
                [storable(pause.instance), pause.until, storable(pause.reason)],
            )

    def resume(self, instance: str) -> None:
        with self._transaction() as cursor:
            cursor.run("DELETE FROM pauses WHERE instance = ?", [storable(instance)])

    def pauses(self, *, now: float) -> list[Pause]:
        with self._transaction(write=False) as cursor:
            rows = cursor.rows("SELECT instance, until, reason FROM pauses WHERE until > ? ORDER BY instance", [now])
        return [Pause(*row) for row in rows]

    def note_waits(self, waits: Mapping[str, str], served: Iterable[str]) -> None:
        known = [(storable(f"{_WAITS}{instance}"),) for instance in (*waits, *served)]
        with self._transaction() as cursor:
            cursor.run_many("DELETE FROM meta WHERE name = ?", known)
            rows = [(storable(f"{_WAITS}{instance}"), storable(reason)) for instance, reason in waits.items()]
            cursor.run_many("INSERT INTO meta VALUES (?, ?)", rows)

    def waits(self) -> dict[str, str]:
        with self._transaction(write=False) as cursor:
            rows = cursor.rows("SELECT name, value FROM meta WHERE name LIKE ?", [f"{_WAITS}%"])
        return {name.removeprefix(_WAITS): reason for name, reason in rows}

    # -- the account

    def ledger(self) -> list[LedgerRow]:
        with self._transaction(write=False) as cursor:
            counted = cursor.rows(
                "SELECT instance, mapping, state, COUNT(*) FROM calls GROUP BY instance, mapping, state"
            )
            accounts = cursor.rows("SELECT instance, mapping, accepted, pruned, replayed FROM accounts")
            noted = count_noted(cursor)
        rows: dict[tuple[str, str], dict[str, int]] = {}
        for instance, mapping, state, count in counted:
            rows.setdefault((instance, mapping), {})[state] = count
        booked = {(row[0], row[1]): row[2:] for row in accounts}
        ledger: list[LedgerRow] = []
        for account in sorted(rows.keys() | booked.keys()):
            accepted, pruned, replayed = booked.get(account, (0, 0, 0))
            states = rows.get(account, {})
            ledger.append(
                LedgerRow(
                    account[0], account[1], accepted, states.get("delivered", 0) + pruned, states.get("rejected", 0),
                    states.get("dead", 0), states.get("pending", 0), replayed, noted.get(account, 0),
                )
            )  # fmt: skip
        return ledger

    def configurations(self) -> dict[str, int]:
        with self._transaction(write=False) as cursor:
            query = "SELECT configuration, COUNT(*) FROM calls WHERE state = 'pending' GROUP BY configuration"
            return dict(cursor.rows(query))

    # -- rows for people

    def find(self, what: Filter, *, limit: int = 100, after: int = 0) -> list[StoredCall]:
        condition, values = condition_of(what, "c.")
        query = (
            f"SELECT {_STORED} FROM calls c LEFT JOIN events e ON e.id = c.event_id "
            f"WHERE {condition} AND c.id > ? ORDER BY c.id LIMIT ?"
        )
        with self._transaction(write=False) as cursor:
            rows = cursor.rows(query, [*values, after, limit])
        return [StoredCall(*row[:13], *(None if item is None else bytes(item) for item in row[13:])) for row in rows]

    def notes(self, what: Filter, *, limit: int = 100, after: int = 0) -> list[NotedCall]:
        with self._transaction(write=False) as cursor:
            return find_notes(cursor, what, limit, after)

    def replay(self, what: Filter, *, now: float) -> int:
        condition, values = condition_of(what)
        ended = f"{condition} AND state IN ('dead', 'rejected') AND payload IS NOT NULL"
        with self._transaction() as cursor:
            self._count_replays(cursor, ended, values)
            return cursor.run(
                "UPDATE calls SET state = 'pending', attempts = 0, bisect = 0, due = ?, window_from = ?, "
                f"updated_at = ?, token = NULL WHERE {ended}",
                [now, now, now, *values],
            )

    def replace(self, call_id: int, planned: PlannedCall | None, *, now: float, configuration: str) -> bool:
        ended = "id = ? AND state IN ('dead', 'rejected')"
        with self._transaction() as cursor:
            if planned is None:
                reason = "today's mapping does not fire for the event"
                changed = cursor.run(
                    f"UPDATE calls SET state = 'rejected', reason = ?, updated_at = ?, configuration = ? WHERE {ended}",
                    [reason, now, configuration, call_id],
                )
                return bool(changed)
            if planned.payload is not None:
                self._count_replays(cursor, ended, [call_id])
            cursor.run(f"DELETE FROM notes WHERE call_id IN (SELECT id FROM calls WHERE {ended})", [call_id])
            state = "rejected" if planned.payload is None else "pending"
            changed = cursor.run(
                "UPDATE calls SET state = ?, reason = ?, payload = ?, action = ?, destination = ?, user_key = ?, "
                "attempts = 0, bisect = 0, due = ?, window_from = ?, updated_at = ?, configuration = ?, token = NULL "
                f"WHERE {ended}",
                [
                    state, storable(planned.reason), planned.payload, storable(planned.action),
                    storable(planned.destination), storable(planned.user), now, now, now, configuration, call_id,
                ],
            )  # fmt: skip
            if changed:
                insert_notes(cursor, [(call_id, planned.notes)])
            return bool(changed)

    @staticmethod
    def _count_replays(cursor: Cursor, condition: str, values: Sequence[Any]) -> None:
        query = f"SELECT instance, mapping, COUNT(*) FROM calls WHERE {condition} GROUP BY instance, mapping"
        cursor.run_many(
            "UPDATE accounts SET replayed = replayed + ? WHERE instance = ? AND mapping = ?",
            [(count, instance, mapping) for instance, mapping, count in cursor.rows(query, values)],
        )

    def drop(self, what: Filter, *, now: float) -> int:
        condition, values = condition_of(what)
        with self._transaction() as cursor:
            return cursor.run(
                "UPDATE calls SET state = 'rejected', reason = 'dropped by hand; it was dead: ' || reason, "
                f"updated_at = ? WHERE {condition} AND state = 'dead'",
                [now, *values],
            )

    def prune(self, *, delivered_before: float, events_before: float, limit: int = 10_000) -> int:
        with self._transaction() as cursor:
            old = "SELECT id FROM calls WHERE state = 'delivered' AND updated_at < ? ORDER BY updated_at LIMIT ?"
            ids = [row[0] for row in cursor.rows(old, [delivered_before, limit])]
            counted: Counter[tuple[str, str]] = Counter()
            for chunk in chunks(ids):
                accounts = f"SELECT instance, mapping FROM calls WHERE id IN ({marks(chunk)})"
                counted.update((row[0], row[1]) for row in cursor.rows(accounts, chunk))
            pruned = run_for(cursor, "DELETE FROM calls WHERE id IN ({ids})", [], ids)
            run_for(cursor, "DELETE FROM notes WHERE call_id IN ({ids})", [], ids)
            cursor.run_many(
                "UPDATE accounts SET pruned = pruned + ? WHERE instance = ? AND mapping = ?",
                [(count, *account) for account, count in sorted(counted.items())],
            )
            pruned += cursor.run(
                "DELETE FROM events WHERE id IN (SELECT e.id FROM events e WHERE e.accepted_at < ? AND NOT EXISTS "
                "(SELECT 1 FROM calls c WHERE c.event_id = e.id) ORDER BY e.accepted_at LIMIT ?)",
                [events_before, limit],
            )
        return pruned


def _settled(settlement: Settlement, now: float) -> tuple[Any, ...]:
    kind = settlement.kind
    if kind == "release":
        return "pending", None, None, settlement.due, 0, now, settlement.token
    state = "pending" if kind == "retry" else kind
    bisect = settlement.bisect if kind == "retry" else None
    reason = storable(settlement.reason)
    # A round of the search for a bad item is no attempt of the call's own.
    return state, reason, bisect, settlement.due, 0 if bisect else 1, now, settlement.token
