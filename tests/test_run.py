"""Runs on both stores: once and only once, in order, through kills and restarts; and the commands around them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions_engine import Engine
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.delivery import Delivery
from actions_engine.delivery.stores import store_of
from actions_engine.testing import Answer, Received, Vendor

WEBHOOK = """destination: webhook
settings: {url: "%s/%s"}
delivery: {%s}
mappings:
  - {name: Send, action: send, trigger: {type: track}}
"""


def track(number: int, user: str = "u") -> dict[str, Any]:
    return {"type": "track", "event": "A", "userId": user, "messageId": f"m{number}", "n": number}


class Fast(Clock):
    """A clock on which a second lasts a hundredth."""

    def __init__(self) -> None:
        super().__init__(speed=100.0)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Engine]:
    """Return a function that loads an engine with a webhook for each name, all at one vendor."""

    def load(url: str, *names: str, delivery: str = "concurrency: 8") -> Engine:
        folder = tmp_path / "mappings"
        folder.mkdir(exist_ok=True)
        for name in names or ("one",):
            (folder / f"{name}.yaml").write_text(WEBHOOK % (url, name, delivery))
        return Engine.load(folder, environ={})

    return load


def deliver(engine: Engine, store: str, events: list[dict[str, Any]], **options: Any) -> Any:
    """Accept events, wait until nothing is pending, and return the ledger's rows by instance."""

    async def go() -> Any:
        async with Delivery(engine, store, clock=Fast(), jitter=lambda wait: wait, **options) as delivery:
            await delivery.accept(events)
            await asyncio.wait_for(delivery.drain(), 20)
            return {row.instance: row for row in await delivery.ledger()}, await delivery.pauses()

    rows, pauses = asyncio.run(go())
    assert all(row.holds for row in rows.values())
    return rows, pauses


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/calls.db"
    url: str = request.getfixturevalue("postgresql_url")
    return url


def test_everything_is_delivered_once(make: Any, store: str) -> None:
    """Every call arrives with its idempotency key, a second acceptance of the events makes no call."""
    with Vendor() as vendor:
        engine = make(vendor.url)
        rows, _ = deliver(engine, store, [track(number) for number in range(150)])
        assert rows["one"].delivered == 150
        deliver(engine, store, [track(number) for number in range(150)])
        assert len(vendor.received) == len({item.headers["idempotency-key"] for item in vendor.received}) == 150


def test_each_users_calls_keep_their_order(make: Any, store: str) -> None:
    """50 users x 40 events through scripted 500s and 400s and a restart: order kept for each user, none delivered twice."""
    chance = random.Random(7)
    tried: Counter[str] = Counter()

    def answer(request: Received) -> Answer:
        key = request.headers["idempotency-key"]
        tried[key] += 1
        lot = chance.random()
        if tried[key] < 3 and lot < 0.05:
            return Answer(500)
        return Answer(400 if lot > 0.99 else 200)

    events = [track(number, f"user-{number % 50}") for number in range(2_000)]
    with Vendor(answer) as vendor:
        engine = make(vendor.url, delivery="ordering: user, first_wait: 100ms, longest_wait: 1s")

        async def part(share: list[dict[str, Any]], *, whole: bool) -> None:
            async with Delivery(engine, store, clock=Fast(), grace=5, jitter=lambda wait: wait) as delivery:
                await delivery.accept(share)
                if whole:
                    await asyncio.wait_for(delivery.drain(), 60)
                else:
                    await asyncio.sleep(0.3)

        asyncio.run(part(events[:1_500], whole=False))
        asyncio.run(part(events[1_500:], whole=True))
        last: dict[str, int] = {}
        for request in vendor.received:
            body = request.json()
            assert body["n"] >= last.get(body["userId"], -1)
            last[body["userId"]] = body["n"]
        rows, _ = deliver(engine, store, [])
        assert rows["one"].delivered + rows["one"].rejected == 2_000
        assert max(tried.values()) > 1


# -- the command


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "actions_engine", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=60)


def write(path: Path, events: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))


def test_run_goes_on_where_it_was(make: Any, tmp_path: Path) -> None:
    """Run twice, a file is read once; what is appended is taken; the ledger balances."""
    path, events = str(tmp_path / "c.db"), tmp_path / "events.jsonl"
    write(events, [track(number) for number in range(700)])
    with Vendor() as vendor:
        make(vendor.url)
        mappings = str(tmp_path / "mappings")
        first = run("run", mappings, str(events), "--store", path)
        assert (first.returncode, "the ledger balances" in first.stderr) == (0, True), first.stderr
        with events.open("a") as file:
            file.write("not JSON\n" + json.dumps({"type": "track", "userId": "u", "event": "no id"}) + "\n")
        second = run("run", mappings, str(events), "--store", path)
        assert (second.returncode, f"{events}:701: not JSON" in second.stderr) == (1, True)
        assert "duplicates" not in second.stderr
        assert len(vendor.received) == 701
    account = [json.loads(line) for line in run("ledger", "--store", path, "--format", "json").stdout.splitlines()]
    assert (account[0]["accepted"], account[0]["delivered"], account[-1]["holds"]) == (701, 701, True)


def test_dead_calls_are_mended_and_sent(make: Any, tmp_path: Path) -> None:
    """A mapping that rejects is mended; its stored events are remapped, previewed first, and delivered."""
    path, events, mappings = str(tmp_path / "c.db"), tmp_path / "events.jsonl", tmp_path / "mappings"
    write(events, [track(1), track(2)])
    with Vendor() as vendor:
        make(vendor.url)
        file = mappings / "one.yaml"
        good = file.read_text()
        file.write_text(good.replace("trigger: {type: track}}", "trigger: {type: track}, fields: {url: n}}"))
        broken = file.read_text().replace("url: n", "method: event")
        file.write_text(broken)
        assert run("run", str(mappings), str(events), "--store", path).returncode == 1
        listed = run("dead", "list", "--store", path, "--reason", "METHOD").stdout.splitlines()
        assert len(listed) == 2
        number = listed[0].split()[0]
        assert json.loads(run("dead", "show", number, "--store", path).stdout)["event"]["messageId"] == "m1"
        file.write_text(good)
        preview = run("dead", "replay", "--store", path, "--remap", str(mappings), "--dry-run")
        assert "2 calls to send, 0 rejected still" in preview.stderr
        assert run("dead", "replay", "--store", path, "--remap", str(mappings), "--yes").returncode == 0
        assert run("run", str(mappings), "--store", path).returncode == 0
        assert len(vendor.received) == 2


def test_no_store_is_made_by_looking(tmp_path: Path) -> None:
    """A store that is not there is told, and not made."""
    done = run("ledger", "--store", str(tmp_path / "none.db"))
    assert (done.returncode, "there is no store" in done.stderr) == (1, True)
    assert not (tmp_path / "none.db").exists()


def test_a_killed_run_loses_nothing(make: Any, tmp_path: Path, store: str) -> None:
    """Killed at random moments, every acknowledged call arrives at least once, doubles carry one key, the ledger agrees."""
    events = tmp_path / "events.jsonl"
    write(events, [track(number, f"u{number % 20}") for number in range(1_500)])
    chance = random.Random(3)
    kills = 0

    def answer(_request: Received) -> Answer:
        return Answer(500 if chance.random() < 0.02 else 200, delay=0.001)

    with Vendor(answer) as vendor:
        make(vendor.url, delivery="first_wait: 50ms, longest_wait: 200ms, timeout: 2s")
        arguments = command("run", str(tmp_path / "mappings"), str(events), "--store", store)
        for _ in range(4):
            process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
            try:
                process.wait(chance.uniform(1.3, 2.2))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        _expire_leases(store)
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=100)
        assert "the ledger balances" in done.stderr, done.stderr
        keys = Counter(request.headers["idempotency-key"] for request in vendor.received)
        numbers = {request.json()["n"]: request.headers["idempotency-key"] for request in vendor.received}
    assert kills
    assert sorted(numbers) == list(range(1_500))
    assert len(keys) == 1_500, "a double has another key"
    opened = store_of(store)
    opened.open()
    (row,) = opened.ledger()
    opened.close()
    assert (row.accepted, row.delivered) == (1_500, 1_500)


def _expire_leases(store: str) -> None:
    """Let the leases of killed processes end now: waiting for them is what the next run would do for minutes."""
    if store.startswith("sqlite"):
        with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
            connection.execute("UPDATE calls SET due = 0 WHERE state = 'pending'")
        connection.close()
    else:
        import psycopg  # noqa: PLC0415

        with psycopg.connect(store, autocommit=True) as connection:
            connection.execute("UPDATE calls SET due = 0 WHERE state = 'pending'")


def test_a_signal_stops_gracefully(make: Any, tmp_path: Path) -> None:
    """SIGTERM lets what is under way finish and keeps the rest pending; SIGHUP with broken mappings keeps the old."""
    events, path = tmp_path / "events.jsonl", str(tmp_path / "c.db")
    write(events, [track(number) for number in range(400)])
    with Vendor(lambda _request: Answer(delay=0.05)) as vendor:
        make(vendor.url)
        mappings = tmp_path / "mappings"
        process = subprocess.Popen(
            command("run", str(mappings), str(events), "--store", path, "--follow"), stderr=subprocess.PIPE, text=True
        )
        while len(vendor.received) < 10:
            time.sleep(0.02)
        kept = (mappings / "one.yaml").read_text()
        (mappings / "one.yaml").write_text("destination: nothing\n")
        os.kill(process.pid, signal.SIGHUP)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGTERM)
        _, told = process.communicate(timeout=20)
        (mappings / "one.yaml").write_text(kept)
        assert process.returncode == 0, told
        assert "the mappings were not reloaded" in told
        assert "the ledger balances" in told
        sent = len(vendor.received)
    opened = store_of(path)
    opened.open()
    (row,) = opened.ledger()
    opened.close()
    assert (row.delivered, row.pending) == (sent, 400 - sent)
