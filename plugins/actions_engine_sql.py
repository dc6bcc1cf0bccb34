"""SQL: rows in SQLite or PostgreSQL, a table for each mapping that names one, through SQLAlchemy.

Tables and columns are made when they are first needed. A row is known by the idempotency key of its call, so that one
that is delivered twice is written once. Needs the extra: pip install 'actions-engine[sql]'.
"""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    From,
    JsonObject,
    Outcome,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    encode_json,
)

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Engine, Table

KEY = "call_key"
_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")


class SqlSettings(Settings):
    """Which database."""

    url: Annotated[
        Secret,
        Field(
            description="As SQLAlchemy takes it: sqlite:///rows.db, postgresql+psycopg://user:password@host/database."
        ),
    ]
    schema_name: Annotated[str | None, Field(description="PostgreSQL's schema; it must exist.", pattern=_NAME)] = None


class Insert(Payload):
    """One row."""

    table: Annotated[
        str, Field(description="The table; made where it does not exist.", pattern=_NAME, examples=["events"])
    ]
    columns: Annotated[
        JsonObject,
        From(
            "{event_type: type, event: event, user_id: userId, anonymous_id: anonymousId, happened_at: timestamp, "
            "properties: properties, traits: traits, context: context}",
            "Column to value: text, numbers, booleans, moments in ISO 8601; anything else is JSON.",
        ),
    ]


class DatabaseTransport:
    """Writes rows; one connection for as long as it is open."""

    def __init__(self, settings: SqlSettings) -> None:
        self.settings = settings
        self.engine: Engine | None = None
        self.tables: dict[str, Table] = {}

    def open(self) -> None:
        """Make the engine; it connects with the first row."""
        try:
            import sqlalchemy  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise ValueError("the destination sql needs the extra: pip install 'actions-engine[sql]'") from None
        # psycopg is what this package brings along.
        url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", self.settings.url.reveal())
        self.engine = sqlalchemy.create_engine(url, pool_pre_ping=True)

    def send(self, request: Request) -> Response:
        """Write a request's rows: all in one transaction, or, where one is bad, each in one of its own.

        Answers 200 with `{"faults": {place: reason}}`, or 503 where the database cannot be reached.
        """
        from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError  # noqa: PLC0415 - see open

        table, rows = request.json["table"], request.json["rows"]
        faults: dict[str, str] = {}
        try:
            try:
                self._write(table, rows)
            except (DBAPIError, ValueError, OverflowError):
                for number, row in enumerate(rows):
                    try:
                        self._write(table, [row])
                    except OperationalError:
                        raise
                    except (DBAPIError, ValueError, OverflowError) as error:
                        faults[str(number)] = _told(error)
        except SQLAlchemyError as error:
            self.tables.clear()
            return Response(503, {}, encode_json({"reason": _told(error)}))
        return Response(200, {}, encode_json({"faults": faults}))

    def flush(self) -> None:
        """Do nothing: each request is committed."""

    def close(self) -> None:
        """Let go of the connections."""
        if self.engine is not None:
            self.engine.dispose()

    def _write(self, name: str, rows: list[dict[str, Any]]) -> None:
        from sqlalchemy.dialects import postgresql, sqlite  # noqa: PLC0415 - see open

        if self.engine is None:
            raise ValueError("the transport is not open")
        try:
            with self.engine.begin() as connection:
                table = self._table(connection, name, rows)
                values = [
                    {column.name: _value(row.get(column.name), column) for column in table.columns} for row in rows
                ]
                dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
                connection.execute(dialect.insert(table).on_conflict_do_nothing(index_elements=[KEY]), values)
        except Exception:
            # A table that was made in this transaction is gone with it.
            self.tables.pop(name, None)
            raise

    def _table(self, connection: "Connection", name: str, rows: list[dict[str, Any]]) -> "Table":
        """Return a table that has every column of the rows, making what is missing."""
        import sqlalchemy as sa  # noqa: PLC0415 - see open

        wanted: dict[str, Any] = {KEY: sa.Text()}
        for row in rows:
            for column, value in row.items():
                wanted.setdefault(column, _type(value))
        known = self.tables.get(name)
        if known is not None and set(known.columns.keys()).issuperset(wanted):
            return known
        schema = self.settings.schema_name
        inspector = sa.inspect(connection)
        if not inspector.has_table(name, schema=schema):
            columns = [sa.Column(column, kind, primary_key=column == KEY) for column, kind in wanted.items()]
            sa.Table(name, sa.MetaData(schema=schema), *columns).create(connection, checkfirst=True)
        else:
            present = {column["name"] for column in inspector.get_columns(name, schema=schema)}
            if KEY not in present:
                raise ValueError(f"the table {name} has no column {KEY}: it was not made by this destination")
            # Names are quoted by the dialect, types are SQLAlchemy's own.
            quote = connection.dialect.identifier_preparer.quote
            target = quote(name) if schema is None else f"{quote(schema)}.{quote(name)}"
            for column, kind in wanted.items():
                if column not in present:
                    written = kind.compile(connection.dialect)
                    connection.execute(sa.text(f"ALTER TABLE {target} ADD COLUMN {quote(column)} {written}"))
        table = sa.Table(name, sa.MetaData(schema=schema), autoload_with=connection)
        self.tables[name] = table
        return table


def _type(value: Any) -> Any:
    import sqlalchemy as sa  # noqa: PLC0415 - see DatabaseTransport.open

    if isinstance(value, str):
        return sa.DateTime(timezone=True) if _MOMENT.fullmatch(value) else sa.Text()
    return {bool: sa.Boolean, int: sa.BigInteger, float: sa.Double}.get(type(value), sa.JSON)()


def _value(value: Any, column: "Column[Any]") -> Any:
    """Return a value as its column takes it: text that looks like a moment is one where the column holds moments."""
    import sqlalchemy as sa  # noqa: PLC0415 - see DatabaseTransport.open

    if not (isinstance(column.type, sa.DateTime) and isinstance(value, str) and _MOMENT.fullmatch(value)):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


def _told(error: Exception) -> str:
    """Return the database's own words without the statement and the values, which may be personal."""
    cause = getattr(error, "orig", None) or error
    return str(cause).split("\n", maxsplit=1)[0][:300] or type(error).__name__


sql = Destination("sql", settings=SqlSettings, title="SQL", transport=DatabaseTransport)


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read which rows were refused."""
    faults = response.json_object().get("faults")
    if response.status == 200 and isinstance(faults, dict):
        refused = {number: str(faults[str(number)]) for number in range(len(payloads)) if str(number) in faults}
        return Outcome.of_items(response, len(payloads), refused)
    outcome, unclear = Outcome.of(response), Outcome.retry("the answer does not say what became of the rows")
    return [unclear if outcome.kind == "delivered" else outcome] * len(payloads)


@sql.action(
    trigger="type != null",
    batch=Batch(max_calls=500, max_bytes=5_000_000, key=lambda payload: payload.table, linger=0.5),
    outcomes=_outcomes,
)
def insert(settings: SqlSettings, payloads: list[Insert]) -> Request:
    """Insert rows into a table."""
    rows = [{KEY: payload.idempotency_key} | _columns(payload) for payload in payloads]
    return Request("INSERT", f"sql:{payloads[0].table}", json={"table": payloads[0].table, "rows": rows})


def _columns(payload: Insert) -> dict[str, Any]:
    # What is no name of a column in both databases is made one; the rest of the name tells them apart.
    names = {name: re.sub(r"[^A-Za-z0-9_]", "_", str(name))[:63].lower() or "_" for name in payload.columns}
    return {names[name]: value for name, value in payload.columns.items() if value is not None and names[name] != KEY}


sql.preset("Every event", action="insert", fields={"table": {"$literal": "events"}})
