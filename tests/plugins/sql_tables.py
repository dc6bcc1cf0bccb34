"""What the tests of sql share: rows in, rows out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from actions_engine import Outcome, Secret
from actions_engine_sql import DatabaseTransport, SqlSettings, sql


def opened(url: str, **settings: Any) -> DatabaseTransport:
    """Return an open transport."""
    made = DatabaseTransport(SqlSettings(url=Secret(url), **settings))
    made.open()
    return made


def write(transport: DatabaseTransport, rows: Mapping[str, Mapping[str, Any]], table: str = "events") -> list[Outcome]:
    """Deliver rows, each known by its key."""
    action = sql.actions["insert"]
    payloads = [action.payload.model_validate({"table": table, "columns": row}).bind(key) for key, row in rows.items()]
    response = transport.send(action.request(transport.settings, payloads))
    assert action.outcomes is not None
    return action.outcomes(response, payloads)


def kinds(transport: DatabaseTransport, *rows: dict[str, Any]) -> list[str]:
    """Deliver rows together, each with a key of its own, and return what became of each."""
    count = len(read(transport)) if sa.inspect(engine_of(transport)).has_table("events") else 0
    return [outcome.kind for outcome in write(transport, {f"k{count + n}": row for n, row in enumerate(rows)})]


def read(transport: DatabaseTransport, query: str = "SELECT * FROM events ORDER BY call_key") -> list[dict[str, Any]]:
    """Return rows as the driver gives them."""
    with engine_of(transport).connect() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.text(query))]


def run(transport: DatabaseTransport, *statements: str) -> None:
    """Do what somebody else does to the database."""
    with engine_of(transport).begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def is_postgresql(transport: DatabaseTransport) -> bool:
    return engine_of(transport).dialect.name == "postgresql"


def types(transport: DatabaseTransport, table: str = "events") -> dict[str, str]:
    """Return the columns' types as the database names them."""
    engine = engine_of(transport)
    return {column["name"]: column["type"].compile(engine.dialect) for column in sa.inspect(engine).get_columns(table)}


def engine_of(transport: DatabaseTransport) -> sa.Engine:
    assert transport.engine is not None
    return transport.engine
