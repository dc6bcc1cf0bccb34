"""Delivery over a real store to a vendor on loopback that misbehaves."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import gt
from pathlib import Path
from typing import Any

import pytest

from actions_engine import Engine
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.delivery import Delivery
from actions_engine.store.contract import Filter
from actions_engine.store.open import store_of
from actions_engine.testing import Answer, Received, Vendor
from tests.soak.kills import kill_again_and_again

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


@pytest.mark.parametrize(
    "bad_day",
    [
        Answer(500), Answer(503, b"x" * 200_000), Answer(429, headers={"Retry-After": "2"}), Answer(408),
        Answer(429, headers={"Retry-After": "Tue, 03 Mar 2026 10:00:02 GMT", "Date": "Tue, 03 Mar 2026 10:00:00 GMT"}),
        Answer(fault="reset before"), Answer(fault="reset after"), Answer(body=b"x" * 5000, fault="cut"),
    ],
    ids=["500", "503 of 200 KB", "429 in seconds", "408", "429 until", "reset before", "reset after", "cut"],
)  # fmt: skip
def test_what_passes_is_tried_again(make: Any, tmp_path: Path, bad_day: Answer) -> None:
    """A failure that passes costs attempts and no call."""
    with Vendor([bad_day, bad_day, Answer()]) as vendor:
        rows, _ = deliver(make(vendor.url, delivery="concurrency: 1"), str(tmp_path / "c.db"), [track(1)])
        assert (rows["one"].delivered, len(vendor.received)) == (1, 3)
        assert len({item.headers["idempotency-key"] for item in vendor.received}) == 1


@pytest.mark.parametrize(
    "answer", [Answer(400), Answer(404), Answer(501), Answer(302, headers={"Location": "http://localhost:1/"})]
)
def test_a_permanent_no_rejects(make: Any, tmp_path: Path, answer: Answer) -> None:
    """What will never be taken is rejected at once with its reason; a redirect to another host is not followed."""
    with Vendor([answer]) as vendor:
        rows, _ = deliver(make(vendor.url), str(tmp_path / "c.db"), [track(1)])
        assert (rows["one"].rejected, len(vendor.received)) == (1, 1)


def test_a_call_dies_when_its_window_closes(make: Any, tmp_path: Path) -> None:
    """A destination that never answers well makes calls dead with the last reason; they can be replayed."""
    path = str(tmp_path / "c.db")
    with Vendor([Answer(500)]) as vendor:
        rows, _ = deliver(make(vendor.url, delivery="retry_window: 20s"), path, [track(1)])
        assert (rows["one"].dead, len(vendor.received) > 2) == (1, True)
    opened = store_of(path)
    opened.open()
    (row,) = opened.find(Filter())
    assert (row.state, "HTTP 500" in row.reason) == ("dead", True)
    assert opened.replay(Filter(), now=time.time()) == 1
    opened.close()
    with Vendor() as vendor:
        rows, _ = deliver(make(vendor.url), path, [])
        assert (rows["one"].delivered, rows["one"].replayed) == (1, 1)


def test_refused_credentials_pause_and_burn_nothing(
    make: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A 401 pauses the destination with one loud message; after a reload its calls are delivered."""
    caplog.set_level(logging.ERROR, logger="actions_engine")
    path = str(tmp_path / "c.db")
    with Vendor(lambda request: Answer(401 if "/one" in request.path else 200)) as vendor:
        rows, pauses = deliver(make(vendor.url, "one", "two"), path, [track(number) for number in range(20)])
    assert (rows["one"].pending, rows["two"].delivered) == (20, 20)
    assert [pause.instance for pause in pauses] == ["one"]
    assert sum("is paused" in record.message for record in caplog.records) == 1
    with Vendor() as vendor:
        rows, pauses = deliver(make(vendor.url, "one", "two"), path, [])
        assert (rows["one"].delivered, pauses) == (20, [])


def test_calls_expire_while_the_destination_fails(make: Any, tmp_path: Path) -> None:
    """Behind an open breaker calls are not tried one by one once their window is over: all die, with the last reason."""
    path = str(tmp_path / "c.db")
    with Vendor([Answer(500)]) as vendor:
        rows, _ = deliver(
            make(vendor.url, delivery="retry_window: 60s"), path, [track(number) for number in range(300)]
        )
        assert rows["one"].dead == 300
        assert len(vendor.received) < 300
    opened = store_of(path)
    opened.open()
    reasons = {row.reason for row in opened.find(Filter(("dead",)), limit=300)}
    opened.close()
    assert any("not delivered within 60 s: the destination failed; HTTP 500" in reason for reason in reasons)


def test_a_host_that_is_not_found_pauses(make: Any, tmp_path: Path) -> None:
    """An unresolvable host is somebody's mistake: nothing is burnt."""
    rows, pauses = deliver(make("http://nowhere.invalid"), str(tmp_path / "c.db"), [track(1)])
    assert (rows["one"].pending, len(pauses)) == (1, 1)


def test_one_bad_item_of_a_batch_is_found(tmp_path: Path) -> None:
    """A batch that is refused is halved until the bad item stands alone; every other one is delivered."""
    file = tmp_path / "m.yaml"

    def judge(request: Received) -> Answer:
        return Answer(400 if b'"n": 13' in request.body or b'"n":13' in request.body else 200)

    with Vendor(judge) as vendor:
        file.write_text(
            f"destination: webhook\nsettings: {{url: '{vendor.url}'}}\nmappings:\n"
            "  - {name: Send, action: send_batch, trigger: {type: track}}\n"
        )
        rows, _ = deliver(
            Engine.load(file, environ={}), str(tmp_path / "c.db"), [track(number) for number in range(60)]
        )
        assert (rows["m"].delivered, rows["m"].rejected) == (59, 1)
        good = [item["n"] for request in vendor.received if judge(request).status == 200 for item in request.json()]
        assert sorted(good) == [number for number in range(60) if number != 13]


def test_the_search_for_a_bad_item_is_no_attempt(tmp_path: Path) -> None:
    """A call that was in many refused batches has all its attempts left when it stands alone."""
    alone: Counter[bytes] = Counter()

    def judge(request: Received) -> Answer:
        items = request.json()
        if len(items) == 1:
            alone[request.body] += 1
            return Answer(500 if alone[request.body] == 1 else 400)
        return Answer(400 if any(item["n"] == 13 for item in items) else 200)

    file = tmp_path / "m.yaml"
    with Vendor(judge) as vendor:
        file.write_text(
            f"destination: webhook\nsettings: {{url: '{vendor.url}'}}\ndelivery: {{max_attempts: 2}}\nmappings:\n"
            "  - {name: Send, action: send_batch, trigger: {type: track}}\n"
        )
        rows, _ = deliver(
            Engine.load(file, environ={}), str(tmp_path / "c.db"), [track(number) for number in range(60)]
        )
    assert (rows["m"].dead, rows["m"].rejected) == (0, len(alone))


def test_a_dead_destination_delays_no_other(make: Any, tmp_path: Path) -> None:
    """While one destination hangs, four others are delivered."""

    def answer(request: Received) -> Answer:
        return Answer(delay=1.0) if "/dead" in request.path else Answer()

    async def go(engine: Engine) -> dict[str, int]:
        async with Delivery(engine, str(tmp_path / "c.db"), grace=0.1) as delivery:
            await delivery.accept([track(number) for number in range(40)])
            for _ in range(100):
                await asyncio.sleep(0.02)
                done = {row.instance: row.delivered for row in await delivery.ledger()}
                if all(done[name] == 40 for name in "abcd"):
                    break
            return done

    with Vendor(answer) as vendor:
        done = asyncio.run(go(make(vendor.url, "a", "b", "c", "d", "dead")))
    assert [done[name] for name in "abcd"] == [40] * 4
    assert done["dead"] < 40


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


def test_the_synchronous_face(make: Any, tmp_path: Path) -> None:
    """A synchronous host accepts, drains and reads the ledger; nothing of it is left behind."""
    before = threading.active_count()
    with Vendor() as vendor:
        with Delivery(make(vendor.url), str(tmp_path / "c.db")).in_thread() as delivery:
            receipt = delivery.accept([track(1), {"type": "track", "messageId": "x", "userId": "u"}, 5])
            assert (receipt.events, receipt.calls, len(receipt.refused)) == (2, 2, 1)
            delivery.drain(10)
            assert delivery.ledger()[0].delivered == 2
        assert len(vendor.received) == 2
    for _ in range(50):
        if threading.active_count() <= before:
            break
        time.sleep(0.05)
    assert threading.active_count() <= before


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
    whole, calls = account[:2]
    assert (whole["instance"], whole["rejected"]) == ("", 1), "the line that is no JSON is accounted for"
    assert (calls["accepted"], calls["delivered"], account[-1]["holds"]) == (701, 701, True)


def test_dead_calls_are_mended_and_sent(make: Any, tmp_path: Path) -> None:
    """A mapping that rejects is mended; its stored events are remapped, previewed first, and delivered."""
    path, events, mappings = str(tmp_path / "c.db"), tmp_path / "events.jsonl", tmp_path / "mappings"
    write(events, [track(1), track(2)])
    with Vendor() as vendor:
        make(vendor.url)
        file = mappings / "one.yaml"
        good = file.read_text()
        file.write_text(good.replace("trigger: {type: track}}", "trigger: {type: track}, fields: {url: n}}"))
        broken = file.read_text().replace("url: n}", "method: event}, invalid: reject")
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


@pytest.mark.parametrize("store", ["mysql://host/db", "sqlite://", "postgresql://127.0.0.1:1/db", "/none/calls.db"])
def test_a_store_that_is_none_is_told(make: Any, tmp_path: Path, store: str) -> None:
    """A store that is unknown or out of reach is said in one line, by every command that takes one."""
    make("http://127.0.0.1:9")
    for arguments in (["run", str(tmp_path / "mappings")], ["ledger"], ["dead", "list"]):
        done = run(*arguments, "--store", store)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: "), done.stderr
        assert "Traceback" not in done.stderr


def test_a_killed_run_loses_nothing(tmp_path: Path, store: str) -> None:
    """Killed at random moments, every acknowledged call arrives at least once, doubles carry one key, the ledger agrees."""
    killed = kill_again_and_again(tmp_path, store, calls=1_500, kills=4, before_last=lambda: _expire_leases(store))
    assert killed.kills
    assert "the ledger balances" in killed.told
    assert sorted(killed.keys) == list(range(1_500))
    assert {len(keys) for keys in killed.keys.values()} == {1}, "a double has another key"
    assert (killed.ledger.accepted, killed.ledger.delivered) == (1_500, 1_500)


def _expire_leases(store: str) -> None:
    """Let the leases of killed processes end now: on a server nobody knows whether they live, and waiting takes long."""
    if not store.startswith("sqlite"):
        import psycopg  # noqa: PLC0415 - an optional extra

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


def test_mappings_are_read_anew(make: Any, tmp_path: Path) -> None:
    """After SIGHUP events are routed by the changed mappings; the run goes on, and loses none."""
    events, path = tmp_path / "events.jsonl", str(tmp_path / "c.db")
    write(events, [track(0)])
    with Vendor() as vendor:
        make(vendor.url)
        mapping = tmp_path / "mappings/one.yaml"
        arguments = command("run", str(mapping.parent), str(events), "--store", path, "--follow")
        process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
        while not vendor.received:
            time.sleep(0.02)
        mapping.write_text(mapping.read_text().replace("type: track}}", "type: track}, fields: {data: {new: n}}}"))
        process.send_signal(signal.SIGHUP)
        number, deadline = 0, time.monotonic() + 15
        while not any("new" in request.json() for request in vendor.received) and time.monotonic() < deadline:
            number += 1
            with events.open("a") as file:
                file.write(json.dumps(track(number)) + "\n")
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)
        bodies = [request.json() for request in vendor.received]
    assert (process.returncode, "reloaded" in told) == (0, True), told
    assert bodies[0]["n"] == 0
    assert sorted(body.get("new", body.get("n")) for body in bodies) == list(range(len(bodies)))
    assert "new" in bodies[-1]


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """Opened and closed again and again, by both faces, delivery leaves no task, thread, socket or file behind."""
    with Vendor() as vendor:
        folder = tmp_path / "both"
        folder.mkdir()
        (folder / "web.yaml").write_text(WEBHOOK % (vendor.url, "web", "concurrency: 8"))
        (folder / "file.yaml").write_text(
            f"destination: jsonl\nsettings: {{path: '{tmp_path / 'out.jsonl'}'}}\npresets: all\n"
        )
        engine, path = Engine.load(folder, environ={}), str(tmp_path / "c.db")

        async def once(number: int) -> set[asyncio.Task[Any]]:
            async with Delivery(engine, path) as delivery:
                await delivery.accept([track(number + each) for each in range(20)])
                await asyncio.wait_for(delivery.drain(), 10)
            return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

        def threaded(number: int) -> None:
            with Delivery(engine, path).in_thread() as delivery:
                with ThreadPoolExecutor(8) as pool:
                    list(pool.map(lambda each: delivery.accept([track(number + each)]), range(20)))
                delivery.drain(10)

        def still_open() -> tuple[int, int]:
            return len(os.listdir("/proc/self/fd")), threading.active_count()

        asyncio.run(once(0))
        threaded(100)
        time.sleep(1)
        before = still_open()
        for number in range(1_000, 6_000, 1_000):
            assert asyncio.run(once(number)) == set()
            threaded(number + 500)
        # The vendor's side of a connection ends a moment after ours.
        deadline = time.monotonic() + 10
        while any(map(gt, still_open(), before)) and time.monotonic() < deadline:
            time.sleep(0.05)
        opened, threads = still_open()
        assert (opened <= before[0], threads <= before[1]) == (True, True), (before, opened, threads)
        assert len({request.headers["idempotency-key"] for request in vendor.received}) == 240
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 240
