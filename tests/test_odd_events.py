"""Events as no JSON brings them: they end in a reason, each is one of its own, and no other is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actions_engine import Delivery, Engine, Registry
from actions_engine.call import message_id

MAPPING = """\
destination: jsonl
settings: {{path: '{folder}/out.jsonl'}}
mappings:
  - {{name: All, action: append, trigger: {{type: {{exists: true}}}}, fields: {{record: '{{event: event, n: properties.n}}'}}}}
"""


class Raising(dict[str, Any]):
    """A dict of somebody's own making that cannot be read."""

    def get(self, *_arguments: Any) -> Any:
        raise RuntimeError("not now")

    def __getitem__(self, name: str) -> Any:
        raise RuntimeError("not now")


class Key(str):
    """A key that cannot be compared."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        return hash("event")


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def odd(number: int) -> dict[str, Any]:
    """Events that cannot be written as JSON, each with something that tells it from the others."""
    return {
        "an integer key": {"type": "track", "event": "E", 1: number, "x": 1},
        "a number of 5,000 digits": {"type": "track", "event": "E", "properties": {"n": 1, "x": 10**5000 + number}},
        "deep": {"type": "track", "event": "E", "x": [number, deep(3_000)]},
        "a key of 5,000 digits": {"type": "track", "event": "E", 10**5000: number},
        "a tuple as key": {"type": "track", "event": "E", (1, number): 1},
        "a lone surrogate": {"type": "track", "event": f"\ud800{number}"},
        "bytes": {"type": "track", "event": "E", "x": b"%d" % number},
        "a huge user": {"type": "track", "event": "E", "userId": 10**5000 + number},
    }


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Every event becomes a record."""
    (tmp_path / "m.yaml").write_text(MAPPING.format(folder=tmp_path))
    return Engine.load(tmp_path / "m.yaml", registry=Registry.from_entry_points())


@pytest.mark.parametrize("dedupe", ["id", "content"])
@pytest.mark.parametrize("kind", odd(0))
def test_each_odd_event_is_one_of_its_own(engine: Engine, tmp_path: Path, kind: str, dedupe: Any) -> None:
    """Five events that are no JSON are five, whether they are told by their content or each gets an id."""
    events = [odd(number)[kind] for number in range(5)]
    with Delivery(engine, str(tmp_path / "calls.db"), dedupe=dedupe).in_thread() as delivery:
        receipt = delivery.accept(events)
        assert (receipt.events, receipt.duplicates, receipt.calls, receipt.unnamed) == (5, 0, 5, 5)
        delivery.drain(timeout=20)
        assert all(row.holds and not row.pending for row in delivery.ledger())


def test_two_equal_events_without_an_id_are_two(engine: Engine, tmp_path: Path) -> None:
    """Without a messageId the same click twice is two clicks; with `dedupe="content"` it is one."""
    event = {"type": "track", "event": "Button Clicked", "userId": "u"}
    for dedupe, new in (("id", 2), ("content", 1)):
        store = str(tmp_path / f"{dedupe}.db")
        with Delivery(engine, store, dedupe=dedupe).in_thread() as delivery:  # type: ignore[arg-type]
            assert delivery.accept([event, dict(event)]).events == new


@pytest.mark.parametrize(
    ("given", "is_known"),
    [
        ("m1", True),
        (" ", False),
        ("", False),
        (7, True),
        (True, False),
        (None, False),
        pytest.param(10**5000, False, id="huge"),
    ],
)
def test_what_is_a_message_id(engine: Engine, tmp_path: Path, given: Any, is_known: bool) -> None:
    """Text that is not blank and whole numbers name an event: twice is once; anything else names none."""
    event = {"type": "track", "event": "E", "userId": "u", "messageId": given}
    with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
        receipt = delivery.accept([event, dict(event)])
    assert (receipt.events, receipt.unnamed) == ((1, 0) if is_known else (2, 2))


def test_what_is_known_by_its_place_is_known_again(engine: Engine, tmp_path: Path) -> None:
    """An id that the host gives stands for an event without one: given again, it is a duplicate."""
    event = {"type": "track", "event": "E", "userId": "u"}
    with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
        assert delivery.accept([event, event], ids=["a", "b"]).events == 2
        assert delivery.accept([event], ids=["b"]).duplicates == 1


@pytest.mark.parametrize(
    "event", [Raising(type="track"), {"type": "track", Key("event"): "E"}], ids=["a dict", "a key"]
)
def test_an_event_that_raises_stays_inside_route(engine: Engine, tmp_path: Path, event: Any) -> None:
    """A dict or key whose own code raises is one rejection, in route as in accept, and hinders no other event."""
    routing = engine.route(event)
    assert not routing.calls
    assert len(routing.rejections) == 1
    good = {"type": "track", "event": "E", "userId": "u", "messageId": "m"}
    with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
        receipt = delivery.accept([event, good])
        assert (receipt.events, receipt.rejected) == (2, 1)


def test_equal_odd_events_have_one_content() -> None:
    """The digest of an event that is no JSON depends on nothing but what is in it."""
    for kind, event in odd(1).items():
        assert message_id(event) == message_id(odd(1)[kind])
        assert message_id(event) != message_id(odd(2)[kind])


class Text(str):
    """A host's own kind of text."""

    __slots__ = ()


class Number(int):
    """A host's own kind of number."""


BAD = {
    "too deep": deep(3_000),
    "too many digits": 10**5000,
    "a key that is none": {(1, 2): 3},
    "bytes": object(),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("action", ["append", "send", "send_batch"])
def test_one_bad_call_takes_no_request_along(tmp_path: Path, kind: str, action: str) -> None:
    """Of three calls of which one cannot be written the others become requests, and the bad one is named."""
    name, setting, field = (
        ("jsonl", f"path: '{tmp_path}/x'", "record")
        if action == "append"
        else ("webhook", "url: 'https://example.com/x'", "data")
    )
    (tmp_path / "m.yaml").write_text(
        f"destination: {name}\nsettings: {{{setting}}}\n"
        f"mappings: [{{name: All, action: {action}, trigger: {{type: {{exists: true}}}}, fields: {{{field}: '{{v: properties.v}}'}}}}]\n"
    )
    engine = Engine.load(tmp_path / "m.yaml", registry=Registry.from_entry_points())
    values = [1, BAD[kind], Text("t"), Number(3)]
    calls = [
        call
        for number, value in enumerate(values)
        for call in engine.route({"type": "track", "messageId": f"m{number}", "properties": {"v": value}}).calls
    ]
    requests = engine.requests(calls)
    assert [rejection.call.event["messageId"] for rejection in requests.rejections] == ["m1"]
    assert requests.rejections[0].reason
    assert calls[1].key in str(requests.rejections[0])
    assert sorted(call.event["messageId"] for group in requests.calls for call in group) == ["m0", "m2", "m3"]
    assert b'"v":"t"' in b"".join(request.body() or b"" for request in requests)
