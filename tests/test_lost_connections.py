"""A connection to the store that drops loses nothing, and a clock that is set back makes nothing wait."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from actions_engine import Delivery, Engine, Registry, StoreError
from actions_engine.delivery import clock as clock_module
from actions_engine.delivery.clock import Clock
from actions_engine.store.contract import Settlement
from actions_engine.store.open import store_of
from tests.test_store import planned


class Dropping:
    """A proxy on loopback before a server, which drops every connection now and then."""

    def __init__(self, port: int, *, seconds: float) -> None:
        self._target = port
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.dropped = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.is_ended = False

    def run(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._drop, daemon=True).start()

    def _accept(self) -> None:
        while not self.is_ended:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            with self._lock:
                self._open |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            each.close()
            with self._lock:
                self._open.discard(each)

    def _drop(self) -> None:
        chance = random.Random(7)
        while not self.is_ended:
            time.sleep(chance.uniform(0.5, 1.5) * self._seconds)
            with self._lock:
                for each in list(self._open):
                    try:
                        each.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        continue
                    self.dropped += 1

    def close(self) -> None:
        self.is_ended = True
        self._listener.close()


@contextmanager
def dropping(url: str, *, seconds: float) -> Iterator[tuple[str, Dropping]]:
    """Put a proxy before a database; yield the URL through it."""
    port = urlsplit(url).port
    assert port is not None
    proxy = Dropping(port, seconds=seconds)
    proxy.run()
    try:
        yield url.replace(f":{port}/", f":{proxy.port}/"), proxy
    finally:
        proxy.close()


def load(folder: Path) -> Engine:
    (folder / "m.yaml").write_text(
        f"destination: jsonl\nsettings: {{path: '{folder}/out.jsonl'}}\n"
        "mappings: [{name: All, action: append, fields: {record: '{id: messageId}'}}]\n"
        # A lease whose answer got lost is held until it ends: it follows from this.
        "delivery: {timeout: 1s}\n"
    )
    return Engine.load(folder / "m.yaml", registry=Registry.from_entry_points())


def test_accepting_goes_on_where_connections_drop(postgresql_url: str, tmp_path: Path) -> None:
    """Eight batches through a proxy that drops connections: each event is in the store once, and is delivered."""
    with (
        dropping(postgresql_url, seconds=0.8) as (url, proxy),
        Delivery(load(tmp_path), url, lease=5).in_thread() as delivery,
    ):
        for batch in range(8):
            delivery.accept([{"type": "track", "event": "E", "messageId": f"m{batch}-{n}"} for n in range(50)])
            time.sleep(0.25)
        delivery.drain(timeout=60)
        (row,) = delivery.ledger()
        assert proxy.dropped > 0, "nothing was tried"
    assert (row.accepted, row.delivered, row.holds) == (400, 400, True)
    written = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(set(written)) == 400


def test_starts_go_on_where_connections_drop(postgresql_url: str, tmp_path: Path) -> None:
    """Four starts and ends through such a proxy: none ends in an error."""
    engine = load(tmp_path)
    with dropping(postgresql_url, seconds=0.4) as (url, _):
        for number in range(4):
            with Delivery(engine, url).in_thread() as delivery:
                delivery.accept([{"type": "track", "event": "E", "messageId": f"m{number}"}])
                delivery.drain(timeout=30)


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    """Opening a store whose server refuses connections does not try for half a minute."""
    began = time.monotonic()
    store = store_of("postgresql://tests:secret@127.0.0.1:1/db")
    with pytest.raises(StoreError):
        store.open()
    assert time.monotonic() - began < 5


def test_a_clock_that_is_set_back_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time never runs backwards, runs on at its own pace, and follows the system's clock forwards."""
    wall, tick = [10_000.0], [50.0]

    class Times:
        time = staticmethod(lambda: wall[0])
        monotonic = staticmethod(lambda: tick[0])

    monkeypatch.setattr(clock_module, "time", Times)
    clock = Clock()
    assert clock.now() == 10_000.0
    wall[0], tick[0] = 6_405.0, 55.0
    assert clock.now() == 10_005.0
    wall[0], tick[0] = 6_415.0, 65.0
    assert clock.now() == 10_015.0
    wall[0], tick[0] = 10_020.0, 66.0
    assert clock.now() == 10_020.0


def test_what_waits_since_a_moment_to_come_is_brought_forward(tmp_path: Path) -> None:
    """After a restart with a clock an hour behind, a retry is due as long after now as it was put off."""
    store = store_of(str(tmp_path / "calls.db"))
    store.open()
    store.accept([planned(1, "u")], now=10_000.0, configuration="c", dedupe_since=0.0)
    (call,) = store.lease("i", 1, now=10_000.0, until=10_030.0)
    store.settle([Settlement(call.id, call.token, "retry", due=10_060.0, reason="HTTP 503")], now=10_000.0)
    store.join(now=6_400.0)
    assert store.next_due(now=6_400.0) == {"i": 6_460.0}
    store.close()
