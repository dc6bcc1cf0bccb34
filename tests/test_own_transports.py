"""A destination's own transport: nothing counts that was not flushed, and it is given what it says that it takes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Annotated, Any

import pytest

from actions_engine import Delivery, Destination, Engine, From, Payload, Registry, Request, Response, Settings


class Item(Payload):
    n: Annotated[int, From("properties.n")]


class Target:
    """What transports write to: what was flushed, and what a transport that failed took along."""

    def __init__(self) -> None:
        self.flushed: list[int] = []
        self.under_way = self.most = self.opened = self.flushes = 0
        self.threads: set[int] = set()
        self.lock = threading.Lock()


class Transport:
    """Holds what is sent until it is flushed; a subclass misbehaves."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.held: list[int] = []

    def open(self) -> None:
        self.target.opened += 1

    def send(self, request: Request) -> Response:
        target = self.target
        with target.lock:
            target.under_way += 1
            target.most = max(target.most, target.under_way)
            target.threads.add(threading.get_ident())
        time.sleep(0.01)
        with target.lock:
            target.under_way -= 1
            self.held.append(request.json["n"])
        return Response(200)

    def flush(self) -> None:
        with self.target.lock:
            self.target.flushed += self.held
            self.held = []

    def close(self) -> None:
        self.held = []


class NeverFlushes(Transport):
    """Cannot make anything durable."""

    def flush(self) -> None:
        self.target.flushes += 1
        raise OSError("the disk is gone")


class FlushesSometimes(Transport):
    """Fails at every third flush, and loses what it held."""

    def flush(self) -> None:
        self.target.flushes += 1
        if self.target.flushes % 3 == 0:
            raise OSError("not now")
        super().flush()


class ManyAtOnce(Transport):
    """Takes eight requests at once."""

    concurrency = 8


class ManyAndFailing(FlushesSometimes):
    """Takes eight requests at once, and fails at every third flush."""

    concurrency = 8


def deliver(folder: Path, kind: type[Transport], *, count: int = 30, seconds: float = 10.0) -> tuple[Target, Any]:
    """Deliver calls through a transport until none is pending; return what it wrote to and the account."""
    target = Target()
    destination = Destination("own", settings=Settings, transport=lambda _settings: kind(target))

    @destination.action(trigger="type != null")
    def write(settings: Settings, payload: Item) -> Request:
        """Write one."""
        return Request("WRITE", "own:", json=payload.body())

    (folder / "own.yaml").write_text(
        "destination: own\ndelivery: {concurrency: 8, first_wait: 50ms}\nmappings: [{name: All, action: write}]\n"
    )
    engine = Engine.load(folder / "own.yaml", registry=Registry([destination]))
    events = [{"type": "track", "event": "E", "messageId": f"m{n}", "properties": {"n": n}} for n in range(count)]
    end = time.monotonic() + seconds
    with Delivery(engine, str(folder / "calls.db")).in_thread() as delivery:
        delivery.accept(events)
        (row,) = delivery.ledger()
        while row.pending and time.monotonic() < end:
            time.sleep(0.05)
            (row,) = delivery.ledger()
    return target, row


def test_what_is_never_flushed_is_never_delivered(tmp_path: Path) -> None:
    """A transport whose flush always fails delivers nothing, whichever requests are under way beside it."""
    target, row = deliver(tmp_path, NeverFlushes, seconds=2.0)
    assert (row.delivered, row.pending, target.flushed) == (0, 30, [])


@pytest.mark.parametrize("kind", [FlushesSometimes, ManyAndFailing])
def test_what_counts_as_delivered_is_there(tmp_path: Path, kind: type[Transport]) -> None:
    """With a flush that fails now and then every call that counts was flushed, and in the end all are."""
    target, row = deliver(tmp_path, kind, seconds=30.0)
    assert row.delivered == 30
    assert set(target.flushed) == set(range(30))
    assert target.opened > 1


def test_a_transport_gets_one_request_at_a_time_in_one_thread(tmp_path: Path) -> None:
    """One that says nothing of concurrency is used by a single thread, as a database's connection asks for."""
    target, row = deliver(tmp_path, Transport)
    assert (row.delivered, target.most, len(target.threads)) == (30, 1, 1)


def test_a_transport_that_takes_more_gets_more(tmp_path: Path) -> None:
    """One that says `concurrency = 8` gets eight requests at once, where the file lets as many be under way."""
    target, row = deliver(tmp_path, ManyAtOnce)
    assert row.delivered == 30
    assert 2 < target.most <= 8


@pytest.mark.parametrize("takes", [0, -1, "8", None, 2.5, True])
def test_an_odd_concurrency_is_told(tmp_path: Path, takes: Any) -> None:
    """What is no whole number from 1 is told as the reason why nothing is sent."""
    kind = type("Odd", (Transport,), {"concurrency": takes})
    _, row = deliver(tmp_path, kind, count=2, seconds=0.5)
    assert row.delivered == 0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "ok",
        200,
        Response("200"),
        Response(0),
        Response(99),
        Response(True),
        Response(200, None),
        Response(200, {}, "ok"),
    ],  # type: ignore[arg-type]
)
def test_an_odd_answer_is_no_success(tmp_path: Path, answer: Any) -> None:
    """A transport that answers with what is no response delivers nothing."""
    kind = type("Odd", (Transport,), {"send": lambda _self, _request: answer})
    _, row = deliver(tmp_path, kind, count=2, seconds=0.5)
    assert (row.delivered, row.pending) == (0, 2)


@pytest.mark.parametrize("method", ["open", "send", "flush", "close"])
@pytest.mark.parametrize(
    "error", [SystemExit(1), GeneratorExit(), KeyboardInterrupt(), StopIteration(), ValueError("no")], ids=repr
)
def test_a_transport_may_raise_anything(tmp_path: Path, method: str, error: BaseException) -> None:
    """Whatever a transport raises is a reason to try again; delivery ends in order."""

    def fail(*_arguments: Any) -> Any:
        raise error

    kind = type("Odd", (Transport,), {method: fail})
    _, row = deliver(tmp_path, kind, count=2, seconds=0.5)
    assert row.delivered == (2 if method == "close" else 0)
    assert row.holds
