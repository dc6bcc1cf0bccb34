"""SQL: whatever rows come, by two workers, with restarts and refusals between: what is delivered is there, once."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from actions_engine_sql import DatabaseTransport
from tests.plugins.sql_tables import is_postgresql, opened, read, run, write

NAMES = ["a", "A", "b-x", "b_x", "call_key", "n", "total", "l" * 64, "l" * 65]
VALUES = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 5, 19.99, 0.1, 1e300, 2**53 + 1, 2**63 - 1, True, False, None, [], {"a": 1.5}, {"z": ["\0"]}]),
    st.sampled_from(
        ["", "n/a", "5", "a\0b", "\ud800", "2026-01-05", "2026-01-05T10:00:00", "2026-01-05T10:00:00+02:00"]
    ),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.none() | st.just(UTC)).map(datetime.isoformat),
    st.text(max_size=5),
)
# A row whose key ends so is refused by the database itself.
ROW = st.tuples(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5), st.sampled_from(["", "", "", "-refused"]))
TABLES = itertools.count()
# A failure is told as it was found: to shrink it would take minutes.
PHASES = [Phase.explicit, Phase.generate]


class Rows(RuleBasedStateMachine):
    """Batches into one table, and what of them should be in it."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.table = f"events_{next(TABLES)}"
        self.workers = [opened(self.url), opened(self.url)]
        self.keys = itertools.count()
        self.sent: list[dict[str, dict[str, Any]]] = []
        self.delivered: dict[str, dict[str, Any]] = {}
        self.is_guarded = False

    @property
    def transport(self) -> DatabaseTransport:
        return self.workers[0]

    @rule(rows=st.lists(ROW, min_size=1, max_size=6), worker=st.integers(0, 1))
    def deliver(self, rows: list[tuple[dict[str, Any], str]], worker: int) -> None:
        """A batch of new rows."""
        batch = {f"k{next(self.keys)}{suffix}": row for row, suffix in rows}
        self.sent.append(batch)
        self.send(batch, worker)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), worker=st.integers(0, 1))
    def deliver_again(self, data: st.DataObject, worker: int) -> None:
        """A batch of which it was not known whether it arrived."""
        self.send(data.draw(st.sampled_from(self.sent)), worker)

    def send(self, batch: dict[str, dict[str, Any]], worker: int) -> None:
        for (key, row), outcome in zip(batch.items(), write(self.workers[worker], batch, self.table), strict=True):
            assert outcome.kind in ("delivered", "rejected"), outcome
            assert outcome.kind == "delivered" or outcome.reason
            if outcome.kind == "delivered":
                assert not (self.is_guarded and key.endswith("-refused") and key not in self.delivered)
                self.delivered.setdefault(key, row)

    @rule(worker=st.integers(0, 1))
    def restart(self, worker: int) -> None:
        """A worker that knows nothing any more."""
        self.workers[worker].close()
        self.workers[worker] = opened(self.url)

    @precondition(lambda self: self.delivered and not self.is_guarded)
    @rule()
    def guard(self) -> None:
        """The database's owner has a rule of their own."""
        if is_postgresql(self.transport):
            statement = f"ALTER TABLE {self.table} ADD CHECK (call_key NOT LIKE '%-refused') NOT VALID"
        else:
            statement = (
                f"CREATE TRIGGER guard_{self.table} BEFORE INSERT ON {self.table} WHEN NEW.call_key LIKE '%-refused' "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        run(self.transport, statement)
        self.is_guarded = True

    @precondition(lambda self: is_postgresql(self.transport))
    @rule()
    def lose_connections(self) -> None:
        """The server ends what is open."""
        other = opened(self.url)
        run(
            other,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()",
        )
        other.close()

    @invariant()
    def each_delivered_row_is_there_once(self) -> None:
        """By its key, with each of its values in the column of its name, and no row that was rejected."""
        if not self.delivered:
            return
        rows = read(self.transport, f"SELECT * FROM {self.table}")  # noqa: S608 - this class's own name
        stored = {row["call_key"]: row for row in rows}
        register = read(self.transport, "SELECT * FROM actions_engine_columns")
        own = {row["name"]: row["column_name"] for row in register if row["table_name"] == self.table}
        assert len(set(own.values())) == len(own)
        assert len(rows) == len(self.delivered)
        assert stored.keys() == self.delivered.keys()
        for key, row in self.delivered.items():
            found = {name: value for name, value in stored[key].items() if value is not None and name != "call_key"}
            given = {own[name]: value for name, value in row.items() if value is not None}
            assert found.keys() == given.keys()
            for name, value in given.items():
                assert _same(found[name], value), (found[name], value)

    def teardown(self) -> None:
        for worker in self.workers:
            worker.close()


def _same(stored: Any, given: Any) -> bool:
    """Whether what the driver gives back is the value, in any of the ways that a column may hold it."""
    return any(_equal(form, given) for form in _forms(stored))


def _forms(stored: Any) -> Iterator[Any]:
    yield stored
    if isinstance(stored, str):
        # SQLite's JSON and moments are text.
        for reader in (json.loads, datetime.fromisoformat):
            with contextlib.suppress(ValueError):
                yield reader(stored)


def _equal(stored: Any, given: Any) -> bool:
    if isinstance(given, bool):
        return type(stored) in (bool, int) and stored == int(given)
    if isinstance(given, (int, float)):
        if isinstance(stored, bool) or not isinstance(stored, (int, float, Decimal, str)):
            return False
        try:
            # What a float is beyond its 17 digits is nobody's meaning.
            return type(given)(Decimal(stored)) == given
        except ArithmeticError:
            return False
    if isinstance(given, str) and isinstance(stored, datetime):
        moment = datetime.fromisoformat(given)
        return stored == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return type(stored) is type(given) and bool(stored == given)


def test_what_is_delivered_is_there_once(url: str) -> None:
    """Batches with bad rows, new columns and changing types: rows that were delivered are there exactly, and once."""
    machine = type("RowsOfDatabase", (Rows,), {"url": url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=12, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), phases=PHASES,
        ),
    )  # fmt: skip
