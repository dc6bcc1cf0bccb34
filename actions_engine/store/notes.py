"""What calls went out without, as rows beside them: most calls have none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actions_engine.note import Note
from actions_engine.store.condition import condition_of
from actions_engine.store.contract import Filter, NotedCall
from actions_engine.store.cursor import Cursor, chunks, marks
from actions_engine.store.text import storable


def insert_notes(cursor: Cursor, noted: Iterable[tuple[int, Sequence[Note]]]) -> None:
    """Write the notes of calls, each by the id of its row."""
    rows = [
        (call_id, number, *map(storable, (note.field, note.change, note.found, note.reason, note.place)))
        for call_id, notes in noted
        for number, note in enumerate(notes)
    ]
    if rows:
        cursor.run_many("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def count_noted(cursor: Cursor) -> dict[tuple[str, str], int]:
    """Return how many calls have notes, by instance and mapping."""
    noted = "SELECT instance, mapping, COUNT(*) FROM calls WHERE id IN (SELECT call_id FROM notes)"
    return {(row[0], row[1]): row[2] for row in cursor.rows(f"{noted} GROUP BY instance, mapping")}


def find_notes(cursor: Cursor, what: Filter, limit: int, after: int) -> list[NotedCall]:
    """Return calls that have notes, in the order of their ids."""
    condition, values = condition_of(what, "c.")
    query = (
        "SELECT c.id, c.idempotency_key, COALESCE(e.message_id, ''), c.instance, c.mapping, c.state "
        f"FROM calls c LEFT JOIN events e ON e.id = c.event_id WHERE {condition} AND c.id > ? "
        "AND c.id IN (SELECT call_id FROM notes) ORDER BY c.id LIMIT ?"
    )
    calls = cursor.rows(query, [*values, after, limit])
    found: dict[int, list[Note]] = {}
    for chunk in chunks([row[0] for row in calls]):
        rows = cursor.rows(
            "SELECT call_id, field, found, reason, place, change FROM notes "
            f"WHERE call_id IN ({marks(chunk)}) ORDER BY call_id, number",
            chunk,
        )
        for call_id, *note in rows:
            found.setdefault(call_id, []).append(Note(*note))
    return [
        NotedCall(call_id, key, message_id, instance, mapping, state, tuple(found.get(call_id, ())))
        for call_id, key, message_id, instance, mapping, state in calls
    ]
