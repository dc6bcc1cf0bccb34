"""SQL: a row that the database refuses is rejected alone, whatever else its batch changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from actions_engine_sql import DatabaseTransport
from tests.plugins.sql_tables import (
    engine_of,
    is_postgresql,
    kinds,
    opened,
    read,
    run,
    types,
    write,
)


def refuse_negative(transport: DatabaseTransport) -> None:
    """Let the database itself refuse rows: its owner has rules that nobody else knows."""
    if is_postgresql(transport):
        run(transport, "ALTER TABLE events ADD CONSTRAINT positive CHECK (n >= 0)")
    else:
        run(transport, "CREATE TRIGGER positive BEFORE INSERT ON events WHEN NEW.n < 0 BEGIN "
                       "SELECT RAISE(ABORT, 'positive'); END")  # fmt: skip


@pytest.mark.parametrize("place", [0, 1, 4])
def test_with_a_new_column(transport: DatabaseTransport, place: int) -> None:
    """A bad row beside a new column spoils neither the other rows nor the column, then or later."""
    kinds(transport, {"n": 0})
    refuse_negative(transport)
    rows = {f"r{number}": {"n": -1 if number == place else number, "fresh": "x"} for number in range(5)}
    outcomes = write(transport, rows)
    assert [number for number, outcome in enumerate(outcomes) if outcome.kind == "rejected"] == [place]
    assert "positive" in outcomes[place].reason
    assert kinds(transport, {"n": 7, "fresh": "y", "later": True}) == ["delivered"]
    assert len([row for row in read(transport) if row["fresh"]]) == 5


def test_a_column_is_typed_by_a_row_that_is_taken(transport: DatabaseTransport) -> None:
    """A rejected row makes no column: the next one's value is the first."""
    write(transport, {"k0": {"n": 1}})
    outcomes = write(transport, {"k1": {"n": "bad", "v": 5}, "k2": {"n": 2, "v": "text"}})
    assert [outcome.kind for outcome in outcomes] == ["rejected", "delivered"]
    assert types(transport)["v"] == "TEXT"


def test_many_bad_rows(transport: DatabaseTransport) -> None:
    """Each of many rows is told for itself."""
    kinds(transport, {"n": 0})
    refuse_negative(transport)
    outcomes = write(transport, {f"r{number}": {"n": number if number % 3 else -1} for number in range(200)})
    assert [outcome.kind == "rejected" for outcome in outcomes] == [number % 3 == 0 for number in range(200)]
    assert len(read(transport)) == 1 + sum(outcome.kind == "delivered" for outcome in outcomes)


def test_a_constraint_that_is_looked_at_last(postgresql_url: str) -> None:
    """A deferred constraint fails at the commit; its row is found all the same."""
    transport = opened(postgresql_url)
    run(
        transport,
        "CREATE TABLE shops (id TEXT PRIMARY KEY)",
        "INSERT INTO shops VALUES ('s1')",
        "CREATE TABLE events (call_key TEXT PRIMARY KEY, shop TEXT REFERENCES shops DEFERRABLE INITIALLY DEFERRED)",
    )
    outcomes = write(transport, {"k1": {"shop": "s1"}, "k2": {"shop": "unknown"}, "k3": {"shop": "s1"}})
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected", "delivered"]
    assert "unknown" not in outcomes[1].reason
    assert len(read(transport)) == 2
    transport.close()


def test_a_policy_for_rows(postgresql_url: str) -> None:
    """A row that a policy of the database forbids is that row's fault; the user's rights are not in question."""
    owner = opened(postgresql_url)
    run(
        owner,
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'writer') THEN CREATE ROLE writer LOGIN; "
        "END IF; END $$",
        "CREATE TABLE events (call_key TEXT PRIMARY KEY, shop TEXT)",
        "GRANT SELECT, INSERT ON events TO writer",
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON events USING (true) WITH CHECK (shop = 's1')",
    )
    writer = opened(postgresql_url.replace("tests@", "writer@"))
    outcomes = write(writer, {"k1": {"shop": "s1"}, "k2": {"shop": "s2"}, "k3": {"shop": "s1"}})
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected", "delivered"]
    writer.close()
    owner.close()


def test_workers_at_once(url: str) -> None:
    """Workers that make the same table and columns at once lose no row, and spoil none of each other's."""

    def work(number: int) -> list[str]:
        transport, found = opened(url), []
        for batch in range(8):
            rows = {f"w{number}-{batch}-{n}": {f"C{batch}": n, f"c{batch}": "x", "own": number} for n in range(5)}
            found += [outcome.kind for outcome in write(transport, rows)]
        transport.close()
        return found

    with ThreadPoolExecutor(4) as threads:
        assert {kind for found in threads.map(work, range(4)) for kind in found} == {"delivered"}
    transport = opened(url)
    assert len(read(transport)) == 4 * 8 * 5
    assert len(types(transport)) == 2 + 2 * 8
    transport.close()


def test_defaults_of_columns(transport: DatabaseTransport) -> None:
    """A row without a value takes the column's default, also beside rows that have one."""
    run(transport, "CREATE TABLE events (call_key TEXT PRIMARY KEY, n INTEGER, state TEXT NOT NULL DEFAULT 'new')")
    assert kinds(transport, {"n": 1}, {"n": 2, "state": "paid"}, {"n": 3}) == ["delivered"] * 3
    assert [row["state"] for row in read(transport)] == ["new", "paid", "new"]


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE events",
        "ALTER TABLE events DROP COLUMN n",
        "ALTER TABLE events RENAME COLUMN n TO m",
    ],
)
def test_a_table_that_was_changed_meanwhile(transport: DatabaseTransport, change: str) -> None:
    """What somebody did to a table since the last batch is seen."""
    kinds(transport, {"n": 1})
    run(transport, change)
    assert [outcome.kind for outcome in write(transport, {"later": {"n": 2}})] == ["delivered"]
    assert [row["n"] for row in read(transport) if row["call_key"] == "later"] == [2]


def test_a_column_that_was_widened_meanwhile(postgresql_url: str) -> None:
    """A row is refused by what the column is, not by what it was."""
    transport = opened(postgresql_url)
    run(transport, "CREATE TABLE events (call_key TEXT PRIMARY KEY, n BIGINT)")
    assert kinds(transport, {"n": 5}, {"n": 19.99}) == ["delivered", "rejected"]
    run(transport, "ALTER TABLE events ALTER COLUMN n TYPE NUMERIC")
    assert kinds(transport, {"n": 19.99}) == ["delivered"]
    assert [str(row["n"]) for row in read(transport)] == ["5", "19.99"]
    transport.close()


def test_a_lock_is_waited_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A database that somebody else is writing to loses no row and blames none."""
    transport = opened(f"sqlite:///{tmp_path_factory.mktemp('rows')}/rows.db?timeout=0.1")
    with engine_of(transport).begin():
        other = opened(transport.settings.url.reveal())
        (outcome,) = write(other, {"k1": {"n": 1}})
        assert outcome.kind == "retry"
    assert [outcome.kind for outcome in write(other, {"k1": {"n": 1}})] == ["delivered"]
    other.close()
    transport.close()


def test_a_connection_that_is_lost(postgresql_url: str) -> None:
    """A server that ends the connection costs no row."""
    transport, owner = opened(postgresql_url), opened(postgresql_url)
    kinds(transport, {"n": 1})
    run(owner, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
               "AND pid <> pg_backend_pid()")  # fmt: skip
    assert [outcome.kind for outcome in write(transport, {"k9": {"n": 2}})] == ["delivered"]
    assert len(read(owner)) == 2
    transport.close()
    owner.close()


def test_other_databases_are_refused() -> None:
    """Only SQLite and PostgreSQL are written to, and that is said."""
    with pytest.raises(ValueError, match="SQLite and PostgreSQL, not to mysql"):
        opened("mysql://user@127.0.0.1/rows")
