"""The tables of a store.

A row of `calls` is one event and one mapping. Its `due` says when it may be leased: when it was accepted, the moment
of a retry, or the end of the lease that holds it, so that a lease which ends without a word is due like any other
call. `accounts` counts what was accepted apart from the rows: a row that got lost shows in the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from actions_engine.errors import StoreError
from actions_engine.store.cursor import Cursor

#: The version of the tables that this release writes.
VERSION = 2

# The types are written so that both databases take them: BLOB and REAL are replaced for PostgreSQL.
TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY, message_id TEXT NOT NULL, event BLOB, accepted_at REAL NOT NULL)""",
    "CREATE INDEX events_by_message ON events (message_id, accepted_at)",
    "CREATE INDEX events_by_age ON events (accepted_at)",
    """CREATE TABLE calls (
        id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, instance TEXT NOT NULL, mapping TEXT NOT NULL,
        destination TEXT NOT NULL, action TEXT NOT NULL, idempotency_key TEXT NOT NULL, user_key TEXT NOT NULL,
        payload BLOB, state TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL, bisect INTEGER NOT NULL,
        due REAL NOT NULL, token TEXT, accepted_at REAL NOT NULL, window_from REAL NOT NULL, updated_at REAL NOT NULL,
        configuration TEXT NOT NULL, UNIQUE (event_id, instance, mapping))""",
    "CREATE INDEX calls_due ON calls (instance, due, id) WHERE state = 'pending'",
    "CREATE INDEX calls_by_user ON calls (instance, user_key, id) WHERE state = 'pending'",
    "CREATE INDEX calls_by_state ON calls (state, updated_at)",
    """CREATE TABLE accounts (
        instance TEXT NOT NULL, mapping TEXT NOT NULL, accepted INTEGER NOT NULL DEFAULT 0,
        pruned INTEGER NOT NULL DEFAULT 0, replayed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (instance, mapping))""",
    "CREATE TABLE pauses (instance TEXT PRIMARY KEY, until REAL NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE positions (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "INSERT INTO meta VALUES ('duplicates', '0')",
    """CREATE TABLE notes (
        call_id INTEGER NOT NULL, number INTEGER NOT NULL, field TEXT NOT NULL, change TEXT NOT NULL,
        found TEXT NOT NULL, reason TEXT NOT NULL, place TEXT NOT NULL, PRIMARY KEY (call_id, number))""",
)
# For each older version the statements that make a store one of the next, and since when there are tables.
_MIGRATIONS = {1: TABLES[-1:]}
_SINCE = {"notes": 2}
#: Their names.
NAMES = tuple(match[1] for match in (re.match(r"CREATE TABLE (\w+)", statement) for statement in TABLES) if match)
# Others have tables called `events` and `meta`, too.
_FEW = 2
_MEND = "restore it from a backup, or name another one"


def check_tables(cursor: Cursor, present: Collection[str], shown: str) -> None:
    """Check that tables are those of this release, and whole.

    Args:
        cursor: Inside a transaction.
        present: The names of the tables that there are.
        shown: What messages call the store.

    Raises:
        StoreError: a newer release wrote them, they are damaged, or another program's.
    """
    if len(set(present) & set(NAMES)) <= _FEW:
        raise StoreError(f"{shown}: what is there belongs to something else; name another file, database or schema")
    if "meta" not in present:
        _check_all(present, 1, shown)
    found = dict(cursor.rows("SELECT name, value FROM meta WHERE name IN ('version', 'duplicates')"))
    for name in ("version", "duplicates"):
        value = found.get(name)
        if value is None:
            raise StoreError(f"{shown}: the store is damaged, its table meta has no row {name!r}; {_MEND}")
        if not re.fullmatch(r"[0-9]{1,18}", str(value)):
            told = f"{name} is {str(value)[:40]!r} and no number"
            raise StoreError(f"{shown}: the store is damaged, in its table meta {told}; {_MEND}")
    version = int(found["version"])
    if version > VERSION:
        raise StoreError(
            f"{shown}: a newer release of actions-engine wrote it (tables of version {version}, this release knows "
            f"{VERSION}); use that release"
        )
    _check_all(present, version, shown)


def _check_all(present: Collection[str], version: int, shown: str) -> None:
    if missing := [name for name in NAMES if name not in present and _SINCE.get(name, 1) <= version]:
        raise StoreError(f"{shown}: the store is damaged, it has no table {', '.join(missing)}; {_MEND}")


def migrate(cursor: Cursor, written: Callable[[str], str] = str) -> None:
    """Bring checked tables of an older release to this one's; what they hold stays.

    Args:
        cursor: Inside a transaction that writes.
        written: Returns a statement as the database takes it.
    """
    ((version,),) = cursor.rows("SELECT value FROM meta WHERE name = 'version'")
    for older in range(int(version), VERSION):
        for statement in _MIGRATIONS[older]:
            cursor.run(written(statement))
    if int(version) < VERSION:
        cursor.run("UPDATE meta SET value = ? WHERE name = 'version'", [str(VERSION)])
