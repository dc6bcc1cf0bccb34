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
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actions_engine import StoreError
from actions_engine.delivery.records import Filter, LeasedCall, Pause, PlannedCall, PlannedEvent, Settlement, Store
from actions_engine.delivery.stores import store_of

USERS = ["", "u1", "u2", "u3"]


def planned(number: int, user: str, *, rejected: bool = False, mappings: int = 1) -> PlannedEvent:
    calls = tuple(
        PlannedCall(
            f"k{number}-{index}", "i", "d", f"m{index}", "a", None if rejected else b"{}", user, "no" * rejected
        )
        for index in range(mappings)
    )
    return PlannedEvent(f"e{number}", b'{"n":1}', calls)


class Ledger(RuleBasedStateMachine):
    """Steps in any order on a store with a clock of its own, beside a model of what each row is."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 1_000.0
        self.number = 0
        self.configuration = 0
        self.planned_by: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.order: dict[str, list[str]] = {}
        self.leased: list[tuple[LeasedCall, float]] = []

    @initialize()
    def start(self) -> None:
        self.store: Store = store_of(self.url or f"{self.folder.name}/s.db", durable=False)
        self.store.open()

    @rule(user=st.sampled_from(USERS), rejected=st.booleans(), mappings=st.integers(0, 3), again=st.booleans())
    def accept(self, user: str, rejected: bool, mappings: int, again: bool) -> None:
        self.number += 1
        event = planned(self.number, user, rejected=rejected, mappings=mappings)
        events = [event, event] if again else [event]
        accepted = self.store.accept(
            events, now=self.now, configuration=f"c{self.configuration}", dedupe_since=self.now - 500
        )
        assert (accepted.events, accepted.duplicates, accepted.calls) == (1, len(events) - 1, mappings)
        for call in event.calls:
            self.states[call.key] = "rejected" if rejected else "pending"
            self.planned_by[call.key] = f"c{self.configuration}"
            if user and not rejected:
                self.order.setdefault(user, []).append(call.key)

    @rule(limit=st.integers(1, 5), ordered=st.booleans(), length=st.sampled_from([5.0, 50.0]))
    def lease(self, limit: int, ordered: bool, length: float) -> None:
        held = {call.key for call, until in self.leased if until > self.now}
        calls = self.store.lease("i", limit, now=self.now, until=self.now + length, ordered=ordered)
        assert len(calls) <= limit
        assert not held & {call.key for call in calls}, "a leased call was leased again"
        assert all(self.states[call.key] == "pending" for call in calls)
        if ordered:
            taken = [call.key for call in calls]
            for user in USERS[1:]:
                pending = [key for key in self.order.get(user, []) if self.states[key] == "pending"]
                mine = [key for key in taken if key in pending]
                assert mine == pending[: len(mine)], "a later call of a user overtook an earlier one"
        self.leased += [(call, self.now + length) for call in calls]

    @rule(
        kind=st.sampled_from(["delivered", "rejected", "dead", "retry", "release"]), late=st.booleans(), data=st.data()
    )
    def settle(self, kind: Any, late: bool, data: st.DataObject) -> None:
        if not self.leased:
            return
        call, _ = self.leased.pop(data.draw(st.integers(0, len(self.leased) - 1)))
        token = "another" if late else call.token
        is_held = not late and not any(other.id == call.id for other, _ in self.leased)
        changed = self.store.settle([Settlement(call.id, token, kind, due=self.now + 3, reason="r")], now=self.now)
        assert changed <= 1
        if late:
            assert changed == 0, "an old token settled a call"
        if changed and kind not in ("retry", "release"):
            self.states[call.key] = kind
        if is_held and self.states[call.key] == "pending" and kind in ("delivered", "dead"):
            # The lease may have ended and the call been replaced since; then nothing changes either.
            assert changed == 0

    @rule(age=st.sampled_from([0.0, 50.0, 500.0]))
    def expire(self, age: float) -> None:
        held = {call.key for call, until in self.leased if until > self.now}
        expired = self.store.expire("i", before=self.now - age, reason="too late", now=self.now)
        dead = {row.key for row in self.store.find(Filter(("dead",)), limit=1_000)}
        fresh = {key for key in dead if self.states[key] == "pending"}
        assert len(fresh) == sum(expired.values())
        assert not fresh & {call.key for call, _ in self.leased if call.key in held and self.is_current(call)}
        self.states |= dict.fromkeys(fresh, "dead")

    def is_current(self, call: LeasedCall) -> bool:
        return all(other.id != call.id or other is call for other, _ in self.leased)

    @rule()
    def configure(self) -> None:
        self.configuration += 1

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0, 600.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        if on:
            self.store.pause(Pause("i", self.now + 20, "401"))
            assert self.store.lease("i", 5, now=self.now, until=self.now + 5) == []
        else:
            self.store.resume("i")

    @rule()
    def replay(self) -> None:
        ended = {row.key for row in self.store.find(Filter(), limit=1_000) if row.payload is not None}
        assert self.store.replay(Filter(), now=self.now) == len(ended)
        self.states |= dict.fromkeys(ended, "pending")
        # What is sent again comes after what its user did since: its place is its row's.

    @rule()
    def drop(self) -> None:
        dead = {key for key, state in self.states.items() if state == "dead"}
        assert self.store.drop(Filter(("dead",)), now=self.now) == len(dead)
        self.states |= dict.fromkeys(dead, "rejected")

    @rule()
    def prune(self) -> None:
        self.store.prune(delivered_before=self.now - 50, events_before=self.now - 500)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.start()

    @invariant()
    def the_law_holds(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = self.store.ledger()
        assert all(row.holds for row in rows)
        counted = {
            name: sum(getattr(row, name) for row in rows) for name in ("delivered", "rejected", "dead", "pending")
        }
        for name, count in counted.items():
            assert count == sum(state == name for state in self.states.values()), name

        waiting = Counter(self.planned_by[key] for key, state in self.states.items() if state == "pending")
        assert self.store.configurations() == waiting

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestSQLiteLedger = Ledger.TestCase
TestSQLiteLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_postgresql_keeps_the_law(postgresql_url: str) -> None:
    """The same steps on PostgreSQL."""
    import psycopg  # noqa: PLC0415 - an extra
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415

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
        import actions_engine.delivery.sqlite
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
    monkeypatch.setattr("actions_engine.delivery.sqlite._BUSY_TIMEOUT", 0.2)
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
