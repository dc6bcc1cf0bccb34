"""A table as the database has it: its columns, what each holds, and which value's name each belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions_engine_sql import values
from actions_engine_sql.names import KEY

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Remembers which name a column was made for, for every worker and after a restart.
REGISTER = "actions_engine_columns"
_TYPES: dict[str, dict[values.Declared, str]] = {
    "sqlite": {
        "text": "TEXT", "number": "NUMERIC", "integer": "BIGINT",
        "boolean": "BOOLEAN", "moment": "DATETIME", "json": "JSON",
    },
    "postgresql": {
        "text": "TEXT", "number": "NUMERIC", "integer": "BIGINT",
        "boolean": "BOOLEAN", "moment": "TIMESTAMP WITH TIME ZONE", "json": "JSONB",
    },
}  # fmt: skip
#: https://www.sqlite.org/limits.html, https://www.postgresql.org/docs/current/limits.html
MOST_COLUMNS = {"sqlite": 2_000, "postgresql": 1_600}
# Any number that is this product's own: one worker at a time changes tables.
_LOCK = 0x5E61_AC71


class ForeignTableError(Exception):
    """A table that was made for something else; nothing is written to it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: As the database has it.
        kind: What it holds.
        type: As the database names it.
        hold: Makes a value ready for it, or raises UnfitError.
    """

    name: str
    kind: values.Kind
    type: str
    hold: values.Hold


@dataclass(slots=True)
class Table:
    """What is known of a table.

    Attributes:
        exists: Whether it does.
        target: Its quoted name, with its schema.
        columns: By name; in lower case on SQLite, which knows no other.
        claims: By a value's name as it is recorded, the column that is its own.
        written: Which of the claims the register holds.
        has_defaults: Whether some column has a value where a row has none.
    """

    exists: bool
    target: str
    columns: dict[str, Column] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    has_defaults: bool = False

    def with_claims(self, earlier: Table | None) -> Table:
        """Take over which names this process has given columns that were there before it."""
        owned = set(self.claims.values())
        for name, column in () if earlier is None else earlier.claims.items():
            if name not in self.claims and column in self.columns and column not in owned:
                self.claims[name] = column
                owned.add(column)
        return self


def new_column(dialect: str, name: str, kind: values.Declared) -> Column:
    """Return a column that is to be made."""
    return Column(name, kind, _TYPES[dialect][kind], values.holder(kind, exact_text=dialect == "postgresql"))


def read(connection: Connection, name: str, schema: str | None) -> Table:
    """Look at a table.

    Raises:
        ForeignTableError: somebody else made it: it has no key.
    """
    import sqlalchemy as sa  # noqa: PLC0415 - an optional extra

    inspector = sa.inspect(connection)
    table = Table(inspector.has_table(name, schema=schema), _target(connection, name, schema))
    if not table.exists:
        return table
    folded = connection.dialect.name == "sqlite"
    for found in inspector.get_columns(name, schema=schema):
        column = _column(connection, found)
        table.columns[column.name.lower() if folded else column.name] = column
        if column.name != KEY and (found.get("default") is not None or found.get("identity") is not None):
            table.has_defaults = True
    keys = [inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]]
    keys += [unique["column_names"] for unique in inspector.get_unique_constraints(name, schema=schema)]
    if [KEY] not in keys:
        raise ForeignTableError(f"the table {name} has no column {KEY} for a key: it was not made by this destination")
    if inspector.has_table(REGISTER, schema=schema):
        query = f"SELECT name, column_name FROM {_target(connection, REGISTER, schema)} WHERE table_name = :table"  # noqa: S608 - quoted names
        for given, own in connection.execute(sa.text(query), {"table": _filed(connection, name)}):
            table.claims[given] = own
            table.written.add(given)
    return table


def lock(connection: Connection) -> None:
    """Wait until no other worker changes tables, to the end of the transaction; on SQLite that is so already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def make(connection: Connection, name: str, schema: str | None, table: Table, columns: list[Column]) -> None:
    """Make a table, or add columns to it, and write down which names they belong to."""
    import sqlalchemy as sa  # noqa: PLC0415 - an optional extra

    quote = connection.dialect.identifier_preparer.quote
    written = [f"{quote(column.name)} {column.type}" for column in columns]
    if table.exists:
        for definition in written:
            connection.exec_driver_sql(f"ALTER TABLE {table.target} ADD COLUMN {definition}")
    else:
        parts = ", ".join([f"{KEY} TEXT NOT NULL PRIMARY KEY", *written])
        connection.exec_driver_sql(f"CREATE TABLE {table.target} ({parts})")
    register = _target(connection, REGISTER, schema)
    connection.exec_driver_sql(
        f"CREATE TABLE IF NOT EXISTS {register} (table_name TEXT NOT NULL, name TEXT NOT NULL, "
        "column_name TEXT NOT NULL, PRIMARY KEY (table_name, name))"
    )
    rows = [
        {"table": _filed(connection, name), "name": given, "own": own}
        for given, own in table.claims.items()
        if given not in table.written
    ]
    if rows:
        statement = f"INSERT INTO {register} VALUES (:table, :name, :own) ON CONFLICT DO NOTHING"  # noqa: S608 - a quoted name
        connection.execute(sa.text(statement), rows)


def _target(connection: Connection, name: str, schema: str | None) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return quote(name) if schema is None else f"{quote(schema)}.{quote(name)}"


def _filed(connection: Connection, name: str) -> str:
    return name.lower() if connection.dialect.name == "sqlite" else name


def _column(connection: Connection, found: Any) -> Column:
    """Return a column that is there already, whoever made it."""
    import sqlalchemy as sa  # noqa: PLC0415 - an optional extra
    from sqlalchemy import exc  # noqa: PLC0415 - an optional extra

    dialect, known = connection.dialect.name, found["type"]
    exact = dialect == "postgresql"
    kind: values.Kind = "other"
    limits: dict[str, Any] = {}
    match known:
        case sa.Enum():
            pass
        case sa.String():
            kind = "text"
            limits = {"length": known.length}
        case sa.Boolean():
            kind = "boolean"
        case sa.JSON():
            kind = "json"
        case sa.Float():
            kind = "float"
            limits = {"bits": 32 if exact and isinstance(known, sa.REAL) else 64}
        case sa.Numeric():
            kind = "number"
            if known.precision is not None:
                limits = {"digits": (known.precision, known.scale or 0)}
        case sa.Integer():
            # SQLite keeps decimals in a column of integers too.
            kind = "integer" if exact else "number"
            limits = {
                "bits": 16 if isinstance(known, sa.SmallInteger) else 64 if isinstance(known, sa.BigInteger) else 32
            }
        case sa.DateTime():
            kind = "moment"
            precision = getattr(known, "precision", None)
            limits = {"zoned": known.timezone or not exact, "decimals": 6 if precision is None else precision}
    try:
        told = known.compile(connection.dialect)
    except exc.CompileError:
        told = "of an unknown type"
    return Column(found["name"], kind, told, values.holder(kind, exact_text=exact, **limits))
