"""Rows go into the database: a request is one transaction, and what it made is known only once it is committed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from actions_engine import Request, Response, encode_json
from actions_engine_sql import failures, table
from actions_engine_sql.names import KEY
from actions_engine_sql.plan import Placed, Plan

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from actions_engine_sql import SqlSettings

#: SQLite takes 32,766 values a statement: https://www.sqlite.org/limits.html
_MOST_VALUES = 30_000


class DatabaseTransport:
    """Writes rows; one connection for as long as it is open."""

    def __init__(self, settings: SqlSettings) -> None:
        self.settings = settings
        self.engine: Engine | None = None
        # What is in the database, and what was when it was last known.
        self.tables: dict[str, table.Table] = {}
        self._earlier: dict[str, table.Table] = {}

    def open(self) -> None:
        """Make the engine; it connects with the first row.

        Raises:
            ValueError: the extra is not installed, or the database is neither SQLite nor PostgreSQL.
        """
        try:
            import sqlalchemy as sa  # noqa: PLC0415 - an optional extra
            from sqlalchemy import event  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise ValueError("the destination sql needs the extra: pip install 'actions-engine[sql]'") from None
        # psycopg is what this package brings along.
        url = sa.make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", self.settings.url.reveal()))
        if url.get_backend_name() not in table.MOST_COLUMNS:
            raise ValueError(f"the destination sql writes to SQLite and PostgreSQL, not to {url.get_backend_name()}")
        # Statements differ in their number of rows: kept prepared, they would fill the server's memory.
        arguments = {"prepare_threshold": None} if url.drivername == "postgresql+psycopg" else {}
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=arguments)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _leave_transactions)
            event.listen(engine, "begin", _begin)
        self.engine = engine

    def send(self, request: Request) -> Response:
        """Write a request's rows, all but those that the table or the database cannot take.

        Answers 200 with `{"faults": {place: reason}}`, 403 where the user may not write, or 503 where the database
        cannot be reached or cannot do it now; then no row is there.
        """
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - see open

        name, rows = request.json["table"], request.json["rows"]
        try:
            faults = self._written(name, rows)
        except table.ForeignTableError as error:
            faults = dict.fromkeys(range(len(rows)), str(error))
        except SQLAlchemyError as error:
            self.tables.pop(name, None)
            return Response(
                403 if failures.is_denied(error) else 503, {}, encode_json({"reason": failures.told(error)})
            )
        return Response(200, {}, encode_json({"faults": {str(place): reason for place, reason in faults.items()}}))

    def flush(self) -> None:
        """Do nothing: each request is committed."""

    def close(self) -> None:
        """Let go of the connections."""
        if self.engine is not None:
            self.engine.dispose()

    def _written(self, name: str, rows: list[dict[str, Any]]) -> dict[int, str]:
        """Write rows, again by a fresh look at the table or with care where that may help; return the faults."""
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - see open

        is_known = name in self.tables
        try:
            return self._write(name, rows)
        except DBAPIError as error:
            if failures.is_of_stale_table(error) and is_known:
                del self.tables[name]
                return self._write(name, rows)
            if failures.is_of_row(error):
                # A constraint that is looked at by the end of a transaction alone.
                return self._write(name, rows, at_once=True)
            raise

    def _write(self, name: str, rows: list[dict[str, Any]], *, at_once: bool = False) -> dict[int, str]:
        if self.engine is None:
            raise RuntimeError("the transport is not open")
        schema, known, earlier = self.settings.schema_name, self.tables.get(name), self._earlier.get(name)
        with self.engine.begin() as connection:
            if at_once and connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
            plan = self._plan(connection, rows, known or table.read(connection, name, schema).with_claims(earlier))
            if known is not None and plan.faults:
                # Somebody may have changed the table since: no row is refused by what was.
                plan = self._plan(connection, rows, table.read(connection, name, schema).with_claims(earlier))
            if plan.changes_table:
                table.lock(connection)
                fresh = table.read(connection, name, schema).with_claims(earlier)
                plan = self._plan(connection, rows, fresh)
                if plan.changes_table:
                    plan = self._made(connection, name, rows, plan, fresh)
            self._insert(connection, plan)
        # Only now is it true.
        if plan.table.exists:
            self.tables[name] = self._earlier[name] = plan.table
        return plan.faults

    def _plan(self, connection: Connection, rows: list[dict[str, Any]], known: table.Table, refusal: str = "") -> Plan:
        plan = Plan(known, connection.dialect.name, self.settings.columns, refusal)
        for place, row in enumerate(rows):
            plan.add(place, row[KEY], row["columns"])
        return plan

    def _made(
        self, connection: Connection, name: str, rows: list[dict[str, Any]], plan: Plan, fresh: table.Table
    ) -> Plan:
        """Make what a plan needs; where the database adds no columns, return a plan that does without them."""
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - see open

        try:
            with connection.begin_nested():
                table.make(connection, name, self.settings.schema_name, plan.table, plan.new)
        except DBAPIError as error:
            if not fresh.exists or not (failures.is_of_row(error) or failures.is_denied(error)):
                raise
            return self._plan(connection, rows, fresh, failures.told(error))
        plan.table.exists = True
        plan.table.written |= plan.table.claims.keys()
        return plan

    def _insert(self, connection: Connection, plan: Plan) -> None:
        groups: dict[frozenset[str], list[Placed]] = {}
        for row in plan.placed:
            # Where a column has a default, a row without a value must not name it.
            groups.setdefault(frozenset(row.values) if plan.table.has_defaults else frozenset(), []).append(row)
        for group in groups.values():
            step = len(group)
            if connection.dialect.name == "sqlite":
                step = max(1, _MOST_VALUES // len(set().union(*(row.values for row in group))))
            for start in range(0, len(group), step):
                self._put(connection, plan, group[start : start + step])

    def _put(self, connection: Connection, plan: Plan, rows: Sequence[Placed]) -> None:
        """Insert rows by one statement; where it fails for a row of them, find out which."""
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - see open

        try:
            statement, given = _statement(connection, plan, rows)
            with connection.begin_nested():
                connection.exec_driver_sql(statement, given)
        except (DBAPIError, ValueError, OverflowError) as error:
            if not failures.is_of_row(error):
                raise
            if len(rows) == 1:
                plan.faults[rows[0].place] = _told(error, plan, rows[0])
                return
            middle = len(rows) // 2
            self._put(connection, plan, rows[:middle])
            self._put(connection, plan, rows[middle:])


def _statement(connection: Connection, plan: Plan, rows: Sequence[Placed]) -> tuple[str, tuple[Any, ...]]:
    """Return the one statement that inserts rows, and the values that the driver takes with it."""
    keys = list(dict.fromkeys(key for row in rows for key in row.values))
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(KEY if key == KEY else quote(plan.table.columns[key].name) for key in keys)
    target, once = plan.table.target, f"ON CONFLICT ({KEY}) DO NOTHING"
    if connection.dialect.name == "sqlite":
        marks = f"({', '.join('?' * len(keys))})"
        statement = f"INSERT INTO {target} ({columns}) VALUES {', '.join([marks] * len(rows))} {once}"  # noqa: S608 - quoted
        return statement, tuple([row.values.get(key) for row in rows for key in keys])
    # Thousands of parameters cost the driver more than the rows cost the server; each value's text in here is read as
    # its column's type would be: https://www.postgresql.org/docs/current/functions-json.html
    statement = (
        f"INSERT INTO {target} ({columns}) SELECT {columns} "  # noqa: S608 - quoted
        f"FROM json_populate_recordset(NULL::{target}, %s::json) {once}"
    )
    return statement, (encode_json([row.values for row in rows]).decode(),)


def _told(error: Exception, plan: Plan, row: Placed) -> str:
    """Say why the database refuses a row, and which columns are of types that this destination does not know."""
    columns = [plan.table.columns[key] for key in row.values if key != KEY]
    odd = [f'"{column.name}" ({column.type})' for column in columns if column.kind == "other"]
    return f"{failures.told(error)}{'; it has values for the columns ' + ', '.join(odd) if odd else ''}"


def _leave_transactions(connection: Any, _record: Any) -> None:
    # Python's driver would begin them only before an INSERT, and make tables outside of them.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    # At once for writing: one that began by reading cannot wait for its turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
