"""The stores: the ledger's law under every sequence of steps, and what a broken disk or file does."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from actions_engine import StoreError
from actions_engine.store.contract import Filter, LeasedCall, Pause, PlannedCall, PlannedEvent, Settlement, Store
from actions_engine.store.open import store_of
from actions_engine.store.sql import SQLStore
from actions_engine.store.sqlite import SQLiteStore

USERS = ["", "u1", "u2", "u3"]


def planned(number: int, user: str, *, rejected: bool = False, mappings: int = 1) -> PlannedEvent:
    calls = tuple(
        PlannedCall(
            f"k{number}-{index}", "i", "d", f"m{index}", "a", None if rejected else b"{}", user, "no" * rejected
        )
        for index in range(mappings)
    )
    return PlannedEvent(f"e{number}", b'{"n":1}', calls)


@dataclass
class Row:
    """What the model knows of a call."""

    key: str
    user: str
    state: str
    configuration: str
    due: float
    window_from: float
    updated: float
    token: str | None = None
    attempts: int = 0


class Ledger(RuleBasedStateMachine):
    """Steps in any order on a store with a clock of its own, beside a model of every row: what a step does is foretold."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 1_000.0
        self.number = 0
        self.configuration = 0
        self.paused_until = 0.0
        # In the order of acceptance, which is that of the rows' ids.
        self.rows: list[Row] = []
        self.pruned = 0
        self.leased: list[LeasedCall] = []

    def of(self, *states: str) -> list[Row]:
        return [row for row in self.rows if row.state in states]

    def row(self, key: str) -> Row:
        return next(row for row in self.rows if row.key == key)

    @initialize()
    def start(self) -> None:
        self.store: Store = store_of(self.url or f"{self.folder.name}/s.db", durable=False)
        self.store.open()

    @rule(user=st.sampled_from(USERS), rejected=st.booleans(), mappings=st.integers(0, 3), again=st.booleans())
    def accept(self, user: str, rejected: bool, mappings: int, again: bool) -> None:
        self.number += 1
        event = planned(self.number, user, rejected=rejected, mappings=mappings)
        events = [event, event] if again else [event]
        configuration = f"c{self.configuration}"
        is_new = self.store.accept(events, now=self.now, configuration=configuration, dedupe_since=self.now - 500)
        assert is_new == ((True, False) if again else (True,))
        state = "rejected" if rejected else "pending"
        self.rows += [Row(call.key, user, state, configuration, self.now, self.now, self.now) for call in event.calls]

    @rule(limit=st.integers(1, 5), ordered=st.booleans(), length=st.sampled_from([5.0, 50.0]))
    def lease(self, limit: int, ordered: bool, length: float) -> None:
        calls = self.store.lease("i", limit, now=self.now, until=self.now + length, ordered=ordered)
        due = [row for row in self.of("pending") if row.due <= self.now]
        if self.now < self.paused_until:
            due = []
        taken = [call.key for call in calls]
        if ordered:
            late = {row.user: row for row in reversed(self.of("pending")) if row.due > self.now}
            free = [
                row for row in due
                if not row.user or row.user not in late or self.rows.index(row) < self.rows.index(late[row.user])
            ]  # fmt: skip
            assert len(taken) == min(limit, len(free))
            for user in USERS[1:]:
                pending = [row.key for row in self.of("pending") if row.user == user]
                mine = [key for key in taken if key in pending]
                assert mine == pending[: len(mine)], "a later call of a user overtook an earlier one"
            assert set(taken) <= {row.key for row in due}
        else:
            first = sorted(due, key=lambda row: (row.due, self.rows.index(row)))[:limit]
            assert taken == [row.key for row in sorted(first, key=self.rows.index)], "not the calls that are due first"
        for call in calls:
            row = self.row(call.key)
            # A lease that ended without a word was an attempt.
            row.attempts += row.token is not None
            row.token, row.due = call.token, self.now + length
            assert (call.attempts, call.accepted_at) == (row.attempts, row.window_from)
        self.leased += calls

    @rule(
        kind=st.sampled_from(["delivered", "rejected", "dead", "retry", "release"]), late=st.booleans(), data=st.data()
    )
    def settle(self, kind: Any, late: bool, data: st.DataObject) -> None:
        if not self.leased:
            return
        call = self.leased.pop(data.draw(st.integers(0, len(self.leased) - 1)))
        row = next((row for row in self.rows if row.key == call.key), None)
        holds = not late and row is not None and row.state == "pending" and row.token == call.token
        settlement = Settlement(call.id, "another" if late else call.token, kind, due=self.now + 3, reason="r")
        assert self.store.settle([settlement], now=self.now) == int(holds)
        if row is not None and holds:
            row.state = "pending" if kind in ("retry", "release") else kind
            row.attempts += kind != "release"
            row.due, row.updated, row.token = self.now + 3, self.now, None

    @rule(kind=st.sampled_from(["delivered", "dead"]))
    def finish(self, kind: Any) -> None:
        """Lease and settle: by the single steps alone a call seldom comes to its end."""
        before = len(self.leased)
        self.lease(5, ordered=False, length=50.0)
        self.leased, taken = self.leased[:before], self.leased[before:]
        settlements = [Settlement(call.id, call.token, kind) for call in taken]
        assert self.store.settle(settlements, now=self.now) == len(taken)
        for call in taken:
            row = self.row(call.key)
            row.state, row.updated, row.due, row.token = kind, self.now, 0.0, None
            row.attempts += 1

    @rule(age=st.sampled_from([0.0, 50.0, 500.0]))
    def expire(self, age: float) -> None:
        expired = self.store.expire("i", before=self.now - age, reason="too late", now=self.now)
        old = [
            row for row in self.of("pending")
            if row.window_from < self.now - age and (row.token is None or row.due <= self.now)
        ]  # fmt: skip
        assert expired == Counter(("a", f"m{row.key.partition('-')[2]}") for row in old)
        for row in old:
            row.state, row.updated, row.token = "dead", self.now, None

    @rule()
    def configure(self) -> None:
        self.configuration += 1

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0, 600.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        self.paused_until = self.now + 20 if on else 0.0
        if on:
            self.store.pause(Pause("i", self.paused_until, "401"))
        else:
            self.store.resume("i")
        assert [pause.until for pause in self.store.pauses(now=self.now)] == ([self.paused_until] if on else [])

    @rule()
    def replay(self) -> None:
        ended = {row.key for row in self.store.find(Filter(), limit=1_000) if row.payload is not None}
        assert self.store.replay(Filter(), now=self.now) == len(ended)
        for row in self.rows:
            if row.key in ended:
                # What is sent again comes after what its user did since: its place is its row's.
                row.state, row.attempts, row.token = "pending", 0, None
                row.due = row.window_from = row.updated = self.now

    @rule()
    def drop(self) -> None:
        dead = self.of("dead")
        assert self.store.drop(Filter(("dead",)), now=self.now) == len(dead)
        for row in dead:
            row.state, row.updated = "rejected", self.now

    @rule(age=st.sampled_from([0.0, 50.0]))
    def prune(self, age: float) -> None:
        self.store.prune(delivered_before=self.now - age, events_before=self.now - 500)
        old = [row for row in self.of("delivered") if row.updated < self.now - age]
        self.rows = [row for row in self.rows if row not in old]
        self.pruned += len(old)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.start()

    @invariant()
    def rows_are_as_foretold(self) -> None:
        if not hasattr(self, "store"):
            return
        found = self.store.find(Filter(("pending", "delivered", "rejected", "dead")), limit=1_000)
        assert [(row.key, row.state, row.attempts, row.updated_at) for row in found if row.state != "pending"] == [
            (row.key, row.state, row.attempts, row.updated) for row in self.rows if row.state != "pending"
        ]
        assert [(row.key, row.attempts) for row in found if row.state == "pending"] == [
            (row.key, row.attempts) for row in self.of("pending")
        ]
        waiting = Counter(row.configuration for row in self.of("pending"))
        assert self.store.configurations() == waiting
        oldest = [row.accepted_at for row in found if row.state == "pending"][:1]
        assert list(self.store.oldest_pending().values()) == oldest

    @invariant()
    def the_law_holds(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = self.store.ledger()
        assert all(row.holds for row in rows)
        for state in ("delivered", "rejected", "dead", "pending"):
            count = sum(getattr(row, state) for row in rows)
            assert count == len(self.of(state)) + (self.pruned if state == "delivered" else 0), state

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestSQLiteLedger = Ledger.TestCase
TestSQLiteLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
# A failure is looked for and not made small.
_TRIED = settings(
    max_examples=1_000, derandomize=True, stateful_step_count=40, deadline=None, database=None, phases=[Phase.generate],
    report_multiple_bugs=False,
)  # fmt: skip


@pytest.mark.parametrize("method", ["settle", "lease", "prune", "expire", "replay", "drop"])
def test_the_machine_notices_a_store_that_does_nothing(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps above fail on a store one of whose methods answers and does nothing: the law is really tried."""
    nothing = {"lease": list, "expire": dict}.get(method, int)
    monkeypatch.setattr(SQLStore, method, lambda *_args, **_options: nothing())
    if method == "prune":
        monkeypatch.delattr(SQLiteStore, "prune")
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Ledger, settings=_TRIED)


def test_the_machine_notices_calls_that_are_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that counts a released call's attempt, as if it had been sent, is found out."""
    real = SQLStore.settle

    def settle(store: SQLStore, settlements: Iterable[Settlement], *, now: float) -> int:
        return real(store, [replace(one, kind="retry") for one in settlements], now=now)

    monkeypatch.setattr(SQLStore, "settle", settle)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Ledger, settings=_TRIED)


def test_postgresql_keeps_the_law(postgresql_url: str) -> None:
    """The same steps on PostgreSQL."""
    import psycopg  # noqa: PLC0415 - an extra

    class Shared(Ledger):
        url = postgresql_url

        def teardown(self) -> None:
            super().teardown()
            with psycopg.connect(postgresql_url, autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    run_state_machine_as_test(Shared, settings=settings(max_examples=6, stateful_step_count=25, deadline=None))


def opened(path: Path) -> Store:
    store = store_of(str(path))
    store.open()
    return store


def accept(store: Store, first: int, count: int) -> None:
    events = [planned(number, "u") for number in range(first, first + count)]
    store.accept(events, now=1.0, configuration="c", dedupe_since=0)


def test_a_full_disk_accepts_nothing_by_halves(tmp_path: Path) -> None:
    """Where the disk is full, accepting fails with what to do, nothing is half-accepted, and later it goes on."""
    code = f"""
        import resource, signal
        from pathlib import Path
        from tests.test_store import accept, opened
        from actions_engine import StoreError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = opened(Path({str(tmp_path / "c.db")!r}))
        accept(store, 0, 10)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        try:
            accept(store, 100, 5_000)
            print("accepted")
        except StoreError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        accept(store, 20_000, 5)
        print(store.ledger()[0])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    message, ledger = done.stdout.splitlines()
    assert "disk" in message, done
    assert "accepted=15" in ledger
    assert resource.RLIMIT_FSIZE is not None


def test_a_file_that_is_none_of_ours(tmp_path: Path) -> None:
    """Another program's database, a text file, a missing folder and a newer release are told apart."""
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    (tmp_path / "text.db").write_text("no database at all, " * 100)
    opened(tmp_path / "newer.db").close()
    with sqlite3.connect(tmp_path / "newer.db") as newer:
        newer.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
    newer.close()
    for name, told in (
        ("other.db", "belongs to something else"), ("text.db", "no SQLite file"), ("newer.db", "newer release"),
        ("none/c.db", "there is no folder"),
    ):  # fmt: skip
        with pytest.raises(StoreError, match=told):
            opened(tmp_path / name)


def test_a_damaged_file(tmp_path: Path) -> None:
    """A file whose pages are overwritten is told, and no traceback of the database's."""
    store = opened(tmp_path / "c.db")
    accept(store, 0, 2_000)
    store.close()
    with (tmp_path / "c.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 40))
    with pytest.raises(StoreError, match="damaged"):
        _use(tmp_path / "c.db")


def _use(path: Path) -> None:
    store = opened(path)
    try:
        store.ledger()
        accept(store, 10_000, 2_000)
    finally:
        store.close()


def test_a_file_that_may_not_be_written() -> None:
    """A read-only file is told before anything is accepted, and nothing in it changes."""
    code = """
        import os, sys
        import actions_engine.store.sqlite
        from pathlib import Path
        from tests.test_store import accept, opened
        from actions_engine import StoreError
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            accept(opened(Path(sys.argv[1])), 100, 5)
        except StoreError as error:
            print(error)
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.db"
        store = opened(path)
        accept(store, 0, 3)
        store.close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        arguments = [sys.executable, "-c", textwrap.dedent(code), str(path)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert "cannot be written to: check the permissions" in done.stdout, done
        Path(folder).chmod(0o755)
        path.chmod(0o644)
        store = opened(path)
        assert store.ledger()[0].accepted == 3
        store.close()


def test_a_locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process's lock is waited for, and then told."""
    monkeypatch.setattr("actions_engine.store.sqlite._BUSY_TIMEOUT", 0.2)
    store = opened(tmp_path / "c.db")
    holder = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process holds the file"):
        accept(store, 0, 1)
    holder.execute("ROLLBACK")
    holder.close()
    accept(store, 0, 1)
    assert store.ledger()[0].accepted == 1
    store.close()


def test_who_delivers_from_a_file_is_known(tmp_path: Path) -> None:
    """Beside another process leases stay as they are, and an old SQLite is warned of; after its death its calls are free."""
    code = """
        import sys
        from pathlib import Path
        from tests.test_store import opened
        store = opened(Path(sys.argv[1]))
        print(store.join(now=1.0) + str(len(store.lease("i", 5, now=1.0, until=900.0))))
        sys.stdout.flush()
        sys.stdin.read()
    """
    path = tmp_path / "c.db"
    store = opened(path)
    accept(store, 0, 8)
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "5\n"
        warning = store.join(now=2.0)
        if sqlite3.sqlite_version_info < (3, 51, 3):
            assert f"process {process.pid} on" in warning
            assert "several workers need PostgreSQL" in warning
        assert len(store.lease("i", 9, now=2.0, until=3.0)) == 3
        process.kill()
    store.close()
    first, second = opened(path), opened(path)
    assert first.join(now=4.0) == ""
    assert [call.attempts for call in first.lease("i", 9, now=4.0, until=900.0)] == [1] * 8
    assert second.join(now=5.0) == ""
    assert second.lease("i", 9, now=5.0, until=900.0) == [], "another store of this process holds them"
    first.close()
    second.close()


def test_an_unknown_store_is_told_without_its_password() -> None:
    """A URL of no known kind, and a server that is not there, are told; a password is not."""
    with pytest.raises(StoreError, match="known are sqlite"):
        store_of("mysql://u:hunter2@host/db")
    with pytest.raises(StoreError) as caught:
        store_of("postgresql://u:hunter2@127.0.0.1:1/db").open()
    assert "hunter2" not in str(caught.value)
