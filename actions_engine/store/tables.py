"""The tables of a store.

A row of `calls` is one event and one mapping. Its `due` says when it may be leased: when it was accepted, the moment
of a retry, or the end of the lease that holds it, so that a lease which ends without a word is due like any other
call. `accounts` counts what was accepted apart from the rows: a row that got lost shows in the ledger.
"""

from __future__ import annotations

#: The version of the tables that this release writes.
VERSION = 1

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
)
