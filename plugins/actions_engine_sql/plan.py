"""Which rows fit their table, in which columns, and which columns are to be made for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from actions_engine_sql import values
from actions_engine_sql.names import KEY, candidates, recorded
from actions_engine_sql.table import MOST_COLUMNS, Column, Table, new_column
from actions_engine_sql.values import UnfitError


class Placed(NamedTuple):
    """A row that fits: its place in the request, and by column what the driver takes."""

    place: int
    values: dict[str, Any]


class Plan:
    """What becomes of a request's rows.

    Args:
        table: As the database has it; it is not changed.
        dialect: The database's.
        declared: Types of columns that are made, by a value's name or the column's.
        refusal: Why the database adds no columns; empty where it does.

    Attributes:
        table: As it is once the new columns are made.
        new: The columns to make.
        placed: The rows that fit.
        faults: By place, why the others do not.
    """

    def __init__(self, table: Table, dialect: str, declared: Mapping[str, values.Declared], refusal: str = "") -> None:
        self.table = replace(table, columns=table.columns.copy(), claims=table.claims.copy())
        self.new: list[Column] = []
        self.placed: list[Placed] = []
        self.faults: dict[int, str] = {}
        self._dialect = dialect
        self._declared = declared
        self._refusal = refusal
        self._owners = {column: name for name, column in table.claims.items()}
        # By a value's name, its column: each is looked up once.
        self._known: dict[str, tuple[str, values.Hold]] = {}

    @property
    def changes_table(self) -> bool:
        """Whether something is to be made before the rows can go in."""
        return bool(self.placed) and (bool(self.new) or not self.table.exists)

    def add(self, place: int, key: str, row: Mapping[str, Any]) -> None:
        """Place a row, or say why it does not fit; for one that does not, no column is made."""
        ready: dict[str, Any] = {KEY: key}
        homeless: list[str] = []
        known = self._known
        try:
            for name, value in row.items():
                if value is None:
                    continue
                found = known.get(name) or self._find(name)
                if found is None:
                    homeless.append(name)
                    continue
                column, hold = found
                try:
                    ready[column] = hold(value)
                except UnfitError as unfit:
                    raise _refused(self.table.columns[column], unfit) from None
            claimed = self._house(homeless, row, ready) if homeless else {}
        except UnfitError as unfit:
            self.faults[place] = str(unfit)
            return
        for name, column_of_name in claimed.items():
            self._take(name, column_of_name)
        self.placed.append(Placed(place, ready))

    def _find(self, name: str) -> tuple[str, values.Hold] | None:
        """Return the column that is a value's own, and what makes its values ready."""
        key = self.table.claims.get(recorded(name))
        if key is None or key not in self.table.columns:
            return None
        found = self._known[name] = (key, self._hold(name, key, self.table.columns[key]))
        return found

    def _house(
        self, homeless: list[str], row: Mapping[str, Any], ready: dict[str, Any]
    ) -> dict[str, tuple[str, Column]]:
        """Choose columns for values that have none of their own yet, there or to be made, and make the values ready."""
        claimed: dict[str, tuple[str, Column]] = {}
        made = 0
        # A name that is a column's as it stands goes first, whatever the order in the event.
        for name in sorted(homeless, key=lambda name: (name != next(candidates(name)), name)):
            key = next(
                key for key in candidates(name) if self._owners.get(key) in (None, recorded(name)) and key not in ready
            )
            column = self.table.columns.get(key)
            if column is None:
                if self._refusal:
                    raise UnfitError(f'the table has no column "{key}", and none can be added: {self._refusal}')
                made += 1
                if len(self.table.columns) + made >= MOST_COLUMNS[self._dialect]:
                    raise UnfitError(f'the table has no column "{key}", and as many as the database takes')
                kind = self._declared.get(name) or self._declared.get(key) or values.kind_of_new(row[name])
                column = new_column(self._dialect, key, kind)
            try:
                ready[key] = self._hold(name, key, column)(row[name])
            except UnfitError as unfit:
                raise _refused(column, unfit) from None
            claimed[name] = (key, column)
        return claimed

    def _take(self, name: str, home: tuple[str, Column]) -> None:
        key, column = home
        if key not in self.table.columns:
            self.table.columns[key] = column
            self.new.append(column)
        self.table.claims[recorded(name)] = key
        self._owners[key] = recorded(name)

    def _hold(self, name: str, key: str, column: Column) -> values.Hold:
        declared = self._declared.get(name) or self._declared.get(key)
        if declared == "integer" and column.kind == "number":
            return values.holder("integer", exact_text=self._dialect == "postgresql")
        return column.hold


def _refused(column: Column, unfit: UnfitError) -> UnfitError:
    return UnfitError(
        f'the column "{column.name}" is {column.type} and cannot hold {unfit}; convert it in the mapping, '
        "or change the column"
    )
