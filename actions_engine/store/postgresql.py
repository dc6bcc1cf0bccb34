"""The shared store: PostgreSQL, for several workers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from actions_engine.errors import StoreError
from actions_engine.masking import Masker
from actions_engine.store.cursor import Cursor
from actions_engine.store.sql import SQLStore
from actions_engine.store.tables import NAMES, TABLES, VERSION, check_tables, migrate

if TYPE_CHECKING:
    import psycopg


# How often a connection is made that is lost while the tables are looked at, and seconds between (times the number).
_OPENINGS = 10
_BETWEEN_OPENINGS = 0.1


class PostgreSQLStore(SQLStore):
    """A store in a PostgreSQL database; its tables stand in the connection's schema.

    Args:
        url: As libpq takes it: `postgresql://user:password@host:port/database`.
        durable: Whether a commit waits for the server's disk (`synchronous_commit`).
    """

    _skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self._url = url
        self.durable = durable
        self._connection: psycopg.Connection[Any] | None = None

    def __repr__(self) -> str:
        return f"PostgreSQLStore({self.shown!r})"

    @property
    def shown(self) -> str:
        """The URL without its password."""
        # The last @ ends the credentials: a password that nobody quoted may hold one, and a slash.
        url = re.split(r"[?][^?]*(?:password|user)=", self._url, maxsplit=1)[0]
        return re.sub(r"(?<=://).*@", "…@", url).partition("?")[0]

    def open(self) -> None:
        """Connect, and create the tables where there are none.

        Raises:
            StoreError: psycopg is not installed, the server cannot be reached, or a newer release wrote the tables.
        """
        if self._connection is not None:
            return
        for attempt in range(_OPENINGS):
            try:
                with self._transaction() as cursor:
                    self._prepare(cursor)
            except StoreError as error:
                # Who cannot be reached at all is told at once; a connection that was there may come again.
                if not error.is_passing or "closed" not in str(error) or attempt == _OPENINGS - 1:
                    self.close()
                    raise
                time.sleep(_BETWEEN_OPENINGS * (attempt + 1))
            else:
                return

    def _connect(self) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an extra: SQLite does without
        except ImportError:
            raise StoreError("PostgreSQL needs the extra: pip install 'actions-engine[postgresql]'") from None
        try:
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=10)
            # What a statement needs is told to it: the planner must not guess from the first values.
            connection.prepare_threshold = 5
            connection.execute(f"SET synchronous_commit = {'on' if self.durable else 'off'}".encode())
        except psycopg.Error as error:
            raise StoreError(f"{self.shown}: {_told(error, self._url)}", is_passing=True) from error
        self._connection = connection

    def _prepare(self, cursor: Cursor) -> None:
        self._lock(cursor, "tables")
        present = _tables(cursor)
        if not present:
            for statement in TABLES:
                cursor.run(_written(statement))
            cursor.run("INSERT INTO meta VALUES ('version', ?)", [str(VERSION)])
            present = _tables(cursor)
        check_tables(cursor, present, self.shown)
        migrate(cursor, _written)

    def join(self, *, now: float) -> str:
        """Return nothing: a server is there to be shared."""
        self.rewind(now=now)
        return ""

    def close(self) -> None:
        """Disconnect; a second time does nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[Cursor]:
        import psycopg  # noqa: PLC0415 - see _connect

        if self._connection is None or self._connection.closed:
            # The server went away: what was under way then was not committed, and the next transaction connects anew.
            self._connect()
        connection = cast("psycopg.Connection[Any]", self._connection)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                if not write:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield _PostgreSQLCursor(cursor)
        except psycopg.Error as error:
            # Closed by the server, a proxy or the network: the next transaction connects anew.
            is_lost = connection.closed or isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
            raise StoreError(f"{self.shown}: {_told(error, self._url)}", is_passing=is_lost) from error

    def _ids(self, cursor: Cursor, table: str, count: int) -> Sequence[int]:
        if not count:
            return ()
        # COLLATE-free and gapless order is not needed: ids must grow, and they do.
        query = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, ?)"  # noqa: S608 - the table is our own name
        return sorted(row[0] for row in cursor.rows(query, [count]))

    def _lock(self, cursor: Cursor, name: str) -> None:
        cursor.rows("SELECT pg_advisory_xact_lock(hashtext(?))", [f"actions_engine {name}"])


class _PostgreSQLCursor(Cursor):
    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._cursor.execute(_translated(statement), values).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._cursor.execute(_translated(statement), values).rowcount

    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        if not rows:
            return 0
        self._cursor.executemany(_translated(statement), rows)
        return self._cursor.rowcount


def _tables(cursor: Cursor) -> set[str]:
    """Return those of the store's tables that there are, wherever the connection's schemas find them."""
    (found,) = cursor.rows(f"SELECT {', '.join(['to_regclass(?)::text'] * len(NAMES))}", NAMES)
    return {name for name, there in zip(NAMES, found, strict=True) if there is not None}


def _written(statement: str) -> str:
    """Return a statement that makes a table, in PostgreSQL's types."""
    return (
        statement.replace("INTEGER PRIMARY KEY", "BIGSERIAL PRIMARY KEY")
        .replace("event_id INTEGER", "event_id BIGINT")
        .replace("call_id INTEGER", "call_id BIGINT")
        .replace("BLOB", "BYTEA")
        .replace(" REAL", " DOUBLE PRECISION")
    )


def _translated(statement: str) -> Any:
    # psycopg wants a LiteralString: the statements are this package's own text, what comes from outside is a value.
    return statement.replace("%", "%%").replace("?", "%s")


def _told(error: Exception, url: str) -> str:
    """Say what happened without the password, which libpq may quote, whole or cut where it takes it to end."""
    found = re.findall(r"://[^:@/?#]*:(.*)@|[?&\s]password=([^&\s]*)", url)
    secrets = [
        part for pair in found for password in pair if password for part in (password, *re.split(r"[@/:?#]", password))
    ]
    return Masker(secrets).mask(" ".join(str(error).split()) or type(error).__name__)
