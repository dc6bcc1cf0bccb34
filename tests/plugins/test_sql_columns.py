"""SQL: every name of a value has a column of its own, and keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine_sql import DatabaseTransport
from tests.plugins.sql_tables import (
    is_postgresql,
    kinds,
    opened,
    read,
    run,
    types,
    write,
)

LONG = "a" * 70
PAIRS = [
    ("Plan", "plan"), ("plan", "PLAN"), ("plan-x", "plan_x"), ("größe", "grüße"), ("", "_"), (LONG, f"{LONG}b"),
    ("call_key", "Call_Key"), ("call-key", "other"), ("xmin", "Xmin"), ("價", "格"),
]  # fmt: skip


def own(transport: DatabaseTransport, name: str) -> str:
    """Return the column that is a name's own."""
    rows = read(transport, "SELECT name, column_name FROM actions_engine_columns")
    (found,) = [row["column_name"] for row in rows if row["name"] == name]
    return str(found)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("order", ["together", "apart", "restarted"])
def test_names_do_not_swallow_each_other(url: str, pair: tuple[str, str], order: str) -> None:
    """Both values are stored, each always in the same column, in whatever order they come."""
    one, other = pair
    transport = opened(url)
    rows: list[dict[str, Any]] = [{one: "1", other: "2"}] if order == "together" else [{one: "1"}, {other: "2"}]
    for row in [*rows, {other: "4", one: "3"}]:
        if order == "restarted":
            transport.close()
            transport = opened(url)
        assert kinds(transport, row) == ["delivered"]
    stored = read(transport)
    assert own(transport, one) != own(transport, other)
    assert [row[own(transport, one)] for row in stored if row[own(transport, one)]] == ["1", "3"]
    assert [row[own(transport, other)] for row in stored if row[own(transport, other)]] == ["2", "4"]
    assert all(len(column) <= 63 for column in stored[0])
    assert [row["call_key"] for row in stored] == [f"k{number}" for number in range(len(stored))]
    transport.close()


def test_names_of_two_workers(url: str) -> None:
    """Two workers agree on whose a column is, whichever came first."""
    one, two = opened(url), opened(url)
    assert kinds(one, {"x": 0}) == ["delivered"]
    assert kinds(two, {"x": 0}) == ["delivered"]
    assert kinds(one, {"Plan": "a"}) == ["delivered"]
    assert kinds(two, {"plan": "b"}) == ["delivered"]
    assert kinds(one, {"plan": "c", "Plan": "d"}) == ["delivered"]
    stored = read(one)
    assert [row[own(one, "Plan")] for row in stored] == [None, None, "a", None, "d"]
    assert [row[own(one, "plan")] for row in stored] == [None, None, None, "b", "c"]
    one.close()
    two.close()


def test_a_table_that_was_there_before(transport: DatabaseTransport) -> None:
    """Columns that are there are used under their plain names; a name that would share one is given its own."""
    run(transport, "CREATE TABLE events (call_key TEXT PRIMARY KEY, orderid TEXT)")
    assert kinds(transport, {"orderId": "a"}, {"orderid": "b"}, {"orderId": "c", "orderid": "d"}) == ["delivered"] * 3
    stored = read(transport)
    assert [row["orderid"] for row in stored] == ["a", None, "c"]
    assert [row[own(transport, "orderid")] for row in stored] == [None, "b", "d"]


def test_columns_in_capitals(transport: DatabaseTransport) -> None:
    """SQLite knows no difference of case: a column that somebody named in capitals is used as it is."""
    run(transport, 'CREATE TABLE events (call_key TEXT PRIMARY KEY, "Total" NUMERIC)')
    assert kinds(transport, {"Total": 5}) == ["delivered"]
    (row,) = read(transport)
    assert row == ({"call_key": "k0", "Total": None, "total": 5} if is_postgresql(transport) else
                   {"call_key": "k0", "Total": 5})  # fmt: skip


def test_more_columns_than_the_database_takes(transport: DatabaseTransport) -> None:
    """A row for which there are no columns left is rejected alone, in the first batch and later."""
    wide = {f"c{number}": 1 for number in range(2_100)}
    for key in ("k1", "k2"):
        outcomes = write(transport, {f"{key}a": {"a": 1}, f"{key}b": wide, f"{key}c": {"c": 1}})
        assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected", "delivered"]
        assert "as many as the database takes" in outcomes[1].reason
    assert sorted(types(transport)) == ["a", "c", "call_key"]


def test_a_user_who_may_add_no_columns(postgresql_url: str) -> None:
    """Rows for the columns that are there go in; a row that needs another is rejected alone, and says so."""
    owner = opened(postgresql_url)
    run(
        owner,
        "CREATE TABLE events (call_key TEXT PRIMARY KEY, total NUMERIC)",
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'writer') THEN CREATE ROLE writer LOGIN; "
        "END IF; END $$",
        "GRANT SELECT, INSERT ON events TO writer",
    )
    writer = opened(postgresql_url.replace("tests@", "writer@"))
    outcomes = write(writer, {"k1": {"Total": 5}, "k2": {"odd": 1}, "k3": {"Total": 6}})
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected", "delivered"]
    assert "must be owner of table events" in outcomes[1].reason
    # Where nothing can be written, nothing is lost: a person is asked.
    assert [outcome.kind for outcome in write(writer, {"k4": {"a": 1}}, table="fresh")] == ["paused"]
    run(owner, "REVOKE INSERT ON events FROM writer")
    assert [outcome.kind for outcome in write(writer, {"k5": {"Total": 1}})] == ["paused"]
    owner.close()
    writer.close()
