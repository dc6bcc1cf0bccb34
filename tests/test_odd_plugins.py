"""What a plugin returns, raises and computes is checked at its door, and no other destination notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from actions_engine import (
    Batch,
    Delivery,
    Destination,
    Engine,
    From,
    Outcome,
    Payload,
    Registry,
    Request,
    Response,
    Settings,
)
from actions_engine.destination import Steps
from actions_engine.store.contract import Filter, StoredCall
from actions_engine.store.open import store_of
from actions_engine.testing import Answer, Vendor

EVENTS = 10


class OddSettings(Settings):
    url: str


class Item(Payload):
    n: Annotated[int, From("properties.n")]


def destination(name: str, **action: Any) -> Destination:
    """A destination with a batch of five and one that sends singly; `action` are further arguments of both."""
    made = Destination(name, settings=OddSettings)
    batch = action.pop("batch", Batch(max_calls=5))

    @made.action(trigger="type != null", batch=batch, **action)
    def many(settings: OddSettings, payloads: list[Item]) -> Request:
        """Send several."""
        return Request.post(settings.url, json=[payload.n for payload in payloads])

    return made


def events(count: int = EVENTS) -> list[dict[str, Any]]:
    return [
        {"type": "track", "event": "E", "userId": f"u{n}", "messageId": f"m{n}", "properties": {"n": n}}
        for n in range(count)
    ]


def delivered(
    folder: Path, odd: Destination, vendor: Vendor, *, seconds: float = 3.0, count: int = EVENTS, more: str = ""
) -> list[StoredCall]:
    """Deliver events to a healthy destination and an odd one; return the odd one's rows once the healthy one has all."""
    (folder / "mappings").mkdir(exist_ok=True)
    for name in ("healthy", odd.name):
        action = "many" if name == "healthy" else next(iter(odd.actions))
        (folder / "mappings" / f"{name}.yaml").write_text(
            f"destination: {name}\nsettings: {{url: '{vendor.url}/{name}'}}\n{more if name != 'healthy' else ''}"
            f"mappings: [{{name: All, action: {action}}}]\n"
        )
    engine = Engine.load(folder / "mappings", registry=Registry([destination("healthy"), odd]))
    began = time.monotonic()
    with Delivery(engine, str(folder / "calls.db"), grace=1.0).in_thread() as delivery:
        delivery.accept(events(count))
        while time.monotonic() - began < seconds:
            rows = {row.instance: row for row in delivery.ledger()}
            if rows["healthy"].delivered == count and rows[odd.name].pending == 0:
                break
            time.sleep(0.05)
    store = store_of(str(folder / "calls.db"))
    store.open()
    try:
        rows = {row.instance: row for row in store.ledger()}
        assert all(row.holds for row in rows.values())
        assert rows["healthy"].delivered == count, "a healthy destination noticed"
        found = store.find(Filter(("pending", "delivered", "rejected", "dead")), limit=1_000)
        return [row for row in found if row.instance == odd.name]
    finally:
        store.close()


def outcomes_of(odd: Callable[[int], Any]) -> Callable[[Response, list[Item]], Any]:
    return lambda _response, payloads: [odd(payload.n) for payload in payloads]


class Odd:
    """No outcome at all."""


ODD_OUTCOMES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "no reason": (lambda: Outcome("rejected", None), "rejected", "gave NoneType in place of a reason"),  # type: ignore[arg-type]
    "an empty reason": (lambda: Outcome.rejected(""), "rejected", "gave no reason"),
    "an object as reason": (lambda: Outcome.rejected({"a": 1}), "rejected", "gave dict in place of a reason"),  # type: ignore[arg-type]
    "text that is no text": (lambda: Outcome.rejected("\ud800\0"), "rejected", "\\ud800\\x00"),
    "a long reason": (lambda: Outcome.rejected("x" * 1_000_000), "rejected", "x" * 2_000),
    "wait: NaN": (lambda: Outcome.retry("x", after=float("nan")), "pending", "x (it asked to wait nan"),
    "wait: infinity": (lambda: Outcome.retry("x", after=float("inf")), "pending", "x (it asked to wait inf"),
    "wait: negative": (lambda: Outcome.retry("x", after=-5), "pending", "x (it asked to wait int"),
    "wait: text": (lambda: Outcome.retry("x", after="soon"), "pending", "x (it asked to wait 'soon'"),  # type: ignore[arg-type]
    "wait: a boolean": (lambda: Outcome.retry("x", after=True), "pending", "x (it asked to wait bool"),
    "an unknown kind": (lambda: Outcome("lost", "x"), "pending", "an outcome of an unknown kind, 'lost'"),  # type: ignore[arg-type]
    "a kind that is no text": (lambda: Outcome(["rejected"], "x"), "pending", "an outcome of an unknown kind, list"),  # type: ignore[arg-type]
    "null": (lambda: None, "pending", "gave NoneType in place of an outcome"),
    "an object": (Odd, "pending", "gave Odd in place of an outcome"),
    "again at once": (lambda: Outcome.retry("x", after=0), "pending", "x"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_OUTCOMES)
def test_an_odd_outcome_is_recorded_and_backed_off(tmp_path: Path, name: str) -> None:
    """One odd outcome among ten: its call is rejected or tried again with a reason, the others are delivered."""
    odd, state, reason = ODD_OUTCOMES[name]
    outcomes = outcomes_of(lambda n: odd() if n == 3 else Outcome.delivered())
    with Vendor() as vendor:
        rows = delivered(tmp_path, destination("odd", outcomes=outcomes), vendor, seconds=1.0)
        assert len([request for request in vendor.received if request.path == "/odd"]) < 10, (
            "it was sent again and again"
        )
    strange = [row for row in rows if row.message_id == "m3"]
    assert [(row.state, reason in row.reason) for row in strange] == [(state, True)], strange
    assert {row.state for row in rows if row.message_id != "m3"} == {"delivered"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (lambda payloads: [Outcome.delivered()] * (len(payloads) - 1), "outcomes for"),
        (lambda payloads: [Outcome.delivered()] * (len(payloads) + 1), "outcomes for"),
        (lambda _payloads: None, "in place of a list of outcomes"),
        (lambda _payloads: "delivered", "in place of a list of outcomes"),
        (lambda _payloads: {0: Outcome.delivered()}, "in place of a list of outcomes"),
    ],
)
def test_missing_and_surplus_outcomes_are_no_success(tmp_path: Path, given: Any, told: str) -> None:
    """A reader that answers for more or fewer calls than there are delivers none, and is not asked without a pause."""
    with Vendor() as vendor:
        rows = delivered(
            tmp_path, destination("odd", outcomes=lambda _r, payloads: given(payloads)), vendor, seconds=1.0
        )
        assert len([request for request in vendor.received if request.path == "/odd"]) < 15
    assert {(row.state, told in row.reason) for row in rows} == {("pending", True)}


RAISED = [
    ValueError("no"),
    SystemExit(3),
    GeneratorExit(),
    KeyError("k"),
    RecursionError(),
    MemoryError(),
    StopIteration(1),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["outcomes", "key", "records", "function", "step"])
def test_whatever_is_raised_is_the_plugins_own(tmp_path: Path, error: BaseException, place: str) -> None:
    """An exception of any kind, at any place of a plugin's code, ends in a reason and not in a stopped engine."""

    def fail(*_arguments: Any) -> Any:
        raise error

    if place == "outcomes":
        odd = destination("odd", outcomes=fail)
    elif place in ("key", "records"):
        odd = destination("odd", batch=Batch(max_calls=5, **{place: fail}))
    else:
        odd = Destination("odd", settings=OddSettings)
        if place == "function":

            @odd.action(trigger="type != null", batch=Batch(max_calls=5))
            def send(settings: OddSettings, payloads: list[Item]) -> Request:
                """Fail."""
                raise error

        else:

            @odd.action(trigger="type != null")
            def steps(settings: OddSettings, payload: Item) -> Steps:
                """Send, then fail."""
                yield Request.post(settings.url, json=payload.n)
                raise error

    with Vendor() as vendor:
        rows = delivered(tmp_path, odd, vendor, seconds=1.0)
    assert {row.state for row in rows} <= {"pending", "rejected"}
    assert all(type(error).__name__ in row.reason for row in rows), rows[0].reason


@pytest.mark.parametrize("odd", [[1], {}, set(), float("nan")], ids=["a list", "a dict", "a set", "NaN"])
def test_an_odd_batch_key_rejects_its_calls(tmp_path: Path, odd: Any) -> None:
    """A key that cannot be looked up is told; NaN, which equals nothing, makes each call a request of its own."""
    with Vendor() as vendor:
        rows = delivered(tmp_path, destination("odd", batch=Batch(max_calls=5, key=lambda _payload: odd)), vendor)
    if isinstance(odd, float):
        assert {row.state for row in rows} == {"delivered"}
    else:
        assert {(row.state, "the batch policy of action many fails: TypeError" in row.reason) for row in rows} == {
            ("rejected", True)
        }


@pytest.mark.parametrize("odd", [None, "1", -1, 1.5, True])
def test_an_odd_count_of_records_rejects_its_calls(tmp_path: Path, odd: Any) -> None:
    """Records are counted in whole numbers."""
    with Vendor() as vendor:
        rows = delivered(tmp_path, destination("odd", batch=Batch(records=lambda _payload: odd)), vendor)
    assert {(row.state, "records" in row.reason) for row in rows} == {("rejected", True)}


@pytest.mark.parametrize("place", ["function", "outcomes", "step"])
def test_a_function_that_computes_long_holds_up_no_other_destination(tmp_path: Path, place: str) -> None:
    """A function that takes a second and a half for each request: the other destination's fifty calls are there before."""

    def compute() -> None:
        end = time.perf_counter() + 1.5
        while time.perf_counter() < end:
            pass

    odd = Destination("odd", settings=OddSettings)
    if place == "step":

        @odd.action(trigger="type != null")
        def steps(settings: OddSettings, payload: Item) -> Steps:
            """Compute between two requests."""
            yield Request.post(settings.url, json=payload.n)
            compute()
            response = yield Request.post(settings.url, json=payload.n)
            return [Outcome.of(response)]

    else:

        def outcomes(response: Response, payloads: list[Item]) -> list[Outcome]:
            compute()
            return [Outcome.of(response)] * len(payloads)

        @odd.action(trigger="type != null", outcomes=outcomes if place == "outcomes" else None)
        def send(settings: OddSettings, payload: Item) -> Request:
            """Compute first."""
            if place == "function":
                compute()
            return Request.post(settings.url, json=payload.n)

    moments: list[tuple[str, float]] = []
    began = time.monotonic()

    def note(request: Any) -> Any:
        moments.append((request.path, time.monotonic() - began))
        return Answer()

    with Vendor(note) as vendor:
        delivered(tmp_path, odd, vendor, seconds=2.5, count=50)
    healthy = [moment for path, moment in moments if path == "/healthy"]
    assert max(healthy) < 1.5, "the healthy destination waited"


def test_a_function_that_never_returns_is_waited_for_no_longer_than_the_timeout(tmp_path: Path) -> None:
    """Its calls are tried again with the reason, and delivery ends all the same."""
    odd = Destination("odd", settings=OddSettings)

    @odd.action(trigger="type != null")
    def send(settings: OddSettings, payload: Item) -> Request:
        """Compute for a minute."""
        time.sleep(60)
        return Request.post(settings.url, json=payload.n)

    began = time.monotonic()
    with Vendor() as vendor:
        rows = delivered(tmp_path, odd, vendor, seconds=2.0, count=2, more="delivery: {timeout: 500ms}\n")
    assert time.monotonic() - began < 10
    assert {(row.state, row.reason) for row in rows} == {("pending", "action send computes without an end")}
