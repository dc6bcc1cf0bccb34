"""Statements in one transaction of a SQL store, and the lists of values in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

#: Values in one statement's list; SQLite takes 32,766 at most.
CHUNK = 500


class Cursor(ABC):
    """Runs statements with `?` for each value inside one transaction."""

    @abstractmethod
    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run a query and return its rows."""

    @abstractmethod
    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement and return how many rows it changed."""

    @abstractmethod
    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement for each row of values and return how many rows were changed in all."""


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield values in as many as one statement takes."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def marks(values: Sequence[Any]) -> str:
    """Return a `?` for each value."""
    return ", ".join("?" * len(values))


def run_for(cursor: Cursor, statement: str, values: Sequence[Any], ids: Sequence[int]) -> int:
    """Run a statement that names its rows as `{ids}`, and return how many it changed."""
    return sum(cursor.run(statement.format(ids=marks(chunk)), [*values, *chunk]) for chunk in chunks(ids))
