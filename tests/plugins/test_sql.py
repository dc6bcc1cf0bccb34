"""SQL: real rows in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from actions_engine_sql import DatabaseTransport, sql
from tests.plugins.sql_tables import opened, read, write


def test_types(transport: DatabaseTransport) -> None:
    """Text, numbers, booleans, moments and JSON come back as what they were."""
    row = {
        "name": "A",
        "n": 2**40,
        "x": 1.5,
        "yes": True,
        "at": "2026-03-02T10:00:00Z",
        "props": {"a": [1, "ü"]},
        "no": None,
    }
    assert [outcome.kind for outcome in write(transport, {"k1": row})] == ["delivered"]
    table = sa.Table("events", sa.MetaData(), autoload_with=transport.engine)
    assert transport.engine is not None
    with transport.engine.connect() as connection:
        (found,) = [dict(item._mapping) for item in connection.execute(sa.select(table))]
    at = found.pop("at")
    assert isinstance(at, datetime)
    assert at.isoformat().startswith("2026-03-02T10:00:00")
    assert found == {"call_key": "k1", "name": "A", "n": 2**40, "x": 1.5, "yes": True, "props": {"a": [1, "ü"]}}


def test_new_columns_are_added(transport: DatabaseTransport) -> None:
    """A column that comes later is added, and empty in earlier rows; odd names become names."""
    write(transport, {"k1": {"a": 1}})
    write(transport, {"k2": {"a": 2, "B b; DROP TABLE events": "x"}})
    assert [row["b_b__drop_table_events"] for row in read(transport)] == [None, "x"]


def test_a_call_twice_is_one_row(transport: DatabaseTransport) -> None:
    """The idempotency key is the primary key: a second delivery changes nothing."""
    for value in (1, 2):
        assert [outcome.kind for outcome in write(transport, {"k1": {"a": value}})] == ["delivered"]
    assert [row["a"] for row in read(transport)] == [1]


def test_one_bad_row_keeps_the_others(transport: DatabaseTransport) -> None:
    """A row that the database refuses is rejected alone, with the database's reason and without its values."""
    write(transport, {"k0": {"n": 1}})
    bad: Any = "secret text"
    outcomes = write(transport, {"k1": {"n": 2}, "k2": {"n": bad}, "k3": {"n": 3}})
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected", "delivered"]
    assert 'column "n" is NUMERIC and cannot hold text' in outcomes[1].reason
    assert bad not in outcomes[1].reason
    assert [row["call_key"] for row in read(transport)] == ["k0", "k1", "k3"]


def test_a_bad_row_in_the_first_batch_spoils_nothing_later(transport: DatabaseTransport) -> None:
    """The table that was made for a batch which failed is made again for the next one."""
    outcomes = write(transport, {"k1": {"n": 1}, "k2": {"n": "x"}})
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected"]
    assert [outcome.kind for outcome in write(transport, {"k3": {"n": 3}})] == ["delivered"]
    assert [row["call_key"] for row in read(transport)] == ["k1", "k3"]


def test_a_table_of_somebody_else_is_left_alone(transport: DatabaseTransport) -> None:
    """A table that was not made by this destination is not altered; its rows are rejected with the reason."""
    assert transport.engine is not None
    with transport.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE events (n INTEGER)"))
    (outcome,) = write(transport, {"k1": {"n": 1}})
    assert (outcome.kind, "was not made by this destination" in outcome.reason) == ("rejected", True)
    with transport.engine.begin() as connection:
        assert [column["name"] for column in sa.inspect(connection).get_columns("events")] == ["n"]


def test_a_moment_in_a_column_of_json_is_text(transport: DatabaseTransport) -> None:
    """A column that holds objects takes text that looks like a moment as text."""
    kinds = [
        outcome.kind for outcome in write(transport, {"k1": {"at": {"a": 1}}, "k2": {"at": "2025-03-02T10:00:01Z"}})
    ]
    assert kinds == ["delivered", "delivered"]
    assert [row["call_key"] for row in read(transport)] == ["k1", "k2"]


def test_each_mapping_has_its_table(transport: DatabaseTransport) -> None:
    """Rows go to the table that the mapping names; a name that is none is refused before."""
    write(transport, {"k1": {"a": 1}}, table="orders")
    assert len(read(transport, "SELECT * FROM orders")) == 1
    with pytest.raises(ValueError, match="pattern"):
        sql.actions["insert"].payload.model_validate({"table": 'x"; DROP', "columns": {}})


def test_a_database_that_is_away_is_waited_for() -> None:
    """What cannot be reached is tried again, and its URL is not told."""
    transport = opened("postgresql://u:hunter2@127.0.0.1:1/db")
    (outcome,) = write(transport, {"k1": {"a": 1}})
    transport.close()
    assert (outcome.kind, "hunter2" in outcome.reason) == ("retry", False)
