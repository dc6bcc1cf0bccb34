"""The embedded store: one SQLite file, one writer."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from actions_engine.errors import StoreError
from actions_engine.store.cursor import Cursor
from actions_engine.store.process import Process
from actions_engine.store.sql import SQLStore
from actions_engine.store.tables import TABLES, VERSION, check_tables, migrate

# Seconds that a writer waits for another process's transaction.
_BUSY_TIMEOUT = 5.0
# Values in one statement; SQLite takes 32,766.
_MOST_VALUES = 1_000
# Older ones can corrupt a file that several processes write in WAL mode: https://sqlite.org/wal.html#walresetbug
_SAFE_TO_SHARE = (3, 51, 3)
# The stores that deliver in this process.
_here: set[Process] = set()


class SQLiteStore(SQLStore):
    """A store in one SQLite file, in WAL mode.

    Args:
        path: The file; made where it does not exist, its folder not.
        durable: Whether a commit waits for the disk (`synchronous=FULL`): what was accepted survives a power cut. False
            is faster (`NORMAL`): a power cut may take the last commits, the death of the process none.
    """

    def __init__(self, path: str | Path, *, durable: bool = True) -> None:
        self.path = Path(path)
        self.durable = durable
        self._connection: sqlite3.Connection | None = None
        self._next_ids: dict[str, int] = {}
        self._process: Process | None = None

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    def open(self) -> None:
        """Open the file, and create its tables where there are none.

        Raises:
            StoreError: it cannot be opened, is no SQLite file, is damaged, or a newer release wrote it.
        """
        if self._connection is not None:
            return
        if not self.path.parent.is_dir():
            raise StoreError(f"{self.path}: there is no folder {self.path.parent}; make it first")
        if self.path.exists() and not self.path.is_file():
            what = "a folder" if self.path.is_dir() else "no file"
            raise StoreError(f"{self.path}: this is {what}; name a file, which is made where it does not exist")
        try:
            # The engine's thread uses it, and only one at a time.
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_told(error)}") from error
        self._connection = connection
        try:
            with self._errors():
                self._prepare(connection)
        except StoreError:
            self.close()
            raise

    def _prepare(self, connection: sqlite3.Connection) -> None:
        with self._transaction(write=False) as cursor:
            # Before anything is changed: the file may be another program's.
            if present := _tables(cursor):
                check_tables(cursor, present, str(self.path))
        if not present:
            # Pages of deleted rows can be given back to the disk; this must be said before the first table.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'NORMAL'}")
        connection.execute("PRAGMA cache_size = -65536")
        with self._transaction() as cursor:
            if not _tables(cursor):
                for statement in TABLES:
                    cursor.run(statement)
                cursor.run("INSERT INTO meta VALUES ('version', ?)", [str(VERSION)])
            migrate(cursor)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._connection is not None and self._process is not None:
            with contextlib.suppress(StoreError), self._transaction() as cursor:
                cursor.run("DELETE FROM meta WHERE name = ?", [self._process.name])
            _here.discard(self._process)
            self._process = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def join(self, *, now: float) -> str:
        """Begin to deliver from the file; free what dead processes held where no other one delivers.

        Returns a warning where another one does, and SQLite is too old for that.
        """
        self._process = process = Process.own()
        _here.add(process)
        with self._transaction() as cursor:
            names = [name for (name,) in cursor.rows("SELECT name FROM meta WHERE name LIKE 'process %'")]
            noted = [each for each in map(Process.read, names) if each is not None]
            running = [each for each in noted if each.may_run(_here)]
            cursor.run_many("DELETE FROM meta WHERE name = ?", [(each.name,) for each in noted if each not in running])
            cursor.run("INSERT INTO meta VALUES (?, '')", [process.name])
            if not running:
                freed = "UPDATE calls SET due = ? WHERE state = 'pending' AND token IS NOT NULL AND due > ?"
                cursor.run(freed, [now, now])
        self.rewind(now=now)
        beside = [each for each in running if each not in _here and each.host == process.host]
        if not beside or sqlite3.sqlite_version_info >= _SAFE_TO_SHARE:
            return ""
        return (
            f"{self.path}: {beside[0]} delivers from this file as well. SQLite {sqlite3.sqlite_version} can damage a "
            f"file that several processes write (mended in {'.'.join(map(str, _SAFE_TO_SHARE))}): several workers "
            "need PostgreSQL"
        )

    def prune(self, *, delivered_before: float, events_before: float, limit: int = 10_000) -> int:
        """Delete old rows, and give their pages back to the disk."""
        pruned = super().prune(delivered_before=delivered_before, events_before=events_before, limit=limit)
        if pruned and self._connection is not None:
            with self._errors():
                # It returns a row for each page: they are fetched so that all are freed.
                self._connection.execute("PRAGMA incremental_vacuum(1000)").fetchall()
        return pruned

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[Cursor]:
        connection = self._connection
        if connection is None:
            raise StoreError(f"{self.path}: the store is not open")
        with self._errors():
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield _SQLiteCursor(connection.cursor())
                connection.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back where the disk is full.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_told(error)}") from error

    def _ids(self, cursor: Cursor, table: str, count: int) -> Sequence[int]:
        ((highest,),) = cursor.rows(f"SELECT COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608 - a name of ours
        # Rows may have been pruned since: an id that was given is never given again while the store is open.
        first = max(highest + 1, self._next_ids.get(table, 1))
        self._next_ids[table] = first + count
        return range(first, first + count)

    def _lock(self, cursor: Cursor, name: str) -> None:
        """Do nothing: a transaction that writes holds the whole file."""


class _SQLiteCursor(Cursor):
    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._cursor.execute(statement, values).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._cursor.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        if not rows:
            return 0
        before, mark, after = statement.partition(_one_row(len(rows[0])))
        if not mark:
            return self._cursor.executemany(statement, rows).rowcount
        # Many rows in one statement: the interpreter's lock is handed over once for them all and not once for each.
        changed, step = 0, max(1, _MOST_VALUES // len(rows[0]))
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            marks = ", ".join([mark] * len(some))
            changed += self._cursor.execute(f"{before}{marks}{after}", list(chain.from_iterable(some))).rowcount
        return changed


def _tables(cursor: Cursor) -> set[str]:
    return {name for (name,) in cursor.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _one_row(width: int) -> str:
    return f"({', '.join('?' * width)})"


def _told(error: sqlite3.Error) -> str:
    """Say what happened and what to do, in the words of the person who can mend it."""
    code = getattr(error, "sqlite_errorname", "") or ""
    advice = {
        "SQLITE_FULL": "the disk is full; nothing of this was stored: free some space and try again",
        "SQLITE_READONLY": "the file or its folder cannot be written to: check the permissions",
        "SQLITE_CANTOPEN": "the file cannot be opened: check that the folder exists and can be written to",
        "SQLITE_CORRUPT": "the file is damaged: restore it from a backup, or move it away to start anew",
        "SQLITE_NOTADB": "this is no SQLite file: name another one",
        "SQLITE_BUSY": "another process holds the file for longer than 5 s: several workers need PostgreSQL",
        "SQLITE_IOERR": "the disk reports an error; nothing of this was stored",
    }
    for name, words in advice.items():
        if code.startswith(name):
            return words
    return str(error)
