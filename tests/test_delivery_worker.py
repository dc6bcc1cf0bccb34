"""Delivery: what is accepted is delivered, or accounted for, whatever the destinations do."""

import asyncio
import json
import logging
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme

from actions_engine import Delivery, Drop, Engine, Outcome, Registry, StoreError, hookimpl
from actions_engine.call import SentCall
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.records import Filter, LedgerRow, StoredCall
from tests.receiver import Answer, Receiver, in_turn
from tests.sinks import sinks

#: Times as fast as life: half an hour of retries takes less than two seconds.
FAST = 200


def load(folder: Path, registry: Registry | None = None, /, **files: str) -> Engine:
    """Load mapping files given by name."""
    mappings = folder / "mappings"
    mappings.mkdir(exist_ok=True)
    for name, text in files.items():
        (mappings / f"{name}.yaml").write_text(text)
    return Engine.load(mappings, registry=registry or sinks())


def mapping(url: str, action: str = "one", delivery: str = "", extra: str = "") -> str:
    return (
        f"destination: sink\nsettings: {{url: '{url}', token: tok-secret}}\n{extra}"
        f"delivery: {{{delivery or 'timeout: 1'}}}\nmappings: [{{name: m, action: {action}}}]\n"
    )


def events(count: int, users: int = 1_000_000) -> list[dict[str, Any]]:
    return [
        {
            "type": "track",
            "event": "E",
            "userId": f"u{number % users}",
            "messageId": f"m{number}",
            "properties": {"n": number},
        }
        for number in range(count)
    ]


def made(engine: Engine, folder: Path, **options: Any) -> Delivery:
    options = {"clock": Clock(speed=FAST), "grace": 1.0, "durable": False} | options
    return Delivery(engine, f"sqlite:///{folder / 'calls.db'}", **options)


async def stored(delivery: Delivery, *states: Any) -> list[StoredCall]:
    return await delivery.store.call(delivery.store.store.find, Filter(states=states or ("dead", "rejected")))


def totals(rows: list[LedgerRow]) -> dict[str, int]:
    assert all(row.holds for row in rows)
    counts = {"delivered": 0, "rejected": 0, "dead": 0, "pending": 0}
    for row in rows:
        for name in counts:
            counts[name] += getattr(row, name)
    return {name: count for name, count in counts.items() if count}


def run(receiver: Receiver, test: Callable[[Receiver], Awaitable[None]]) -> None:
    async def go() -> None:
        async with receiver, asyncio.timeout(20):
            await test(receiver)

    asyncio.run(go())


# -- the happy path


def test_what_is_accepted_is_delivered_once(tmp_path: Path) -> None:
    """Every event reaches its destination once, with its idempotency key, and the ledger says so."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url), b=mapping(vendor.url, "many"))
        async with made(engine, tmp_path) as delivery:
            receipt = await delivery.accept(events(50))
            assert (receipt.events, receipt.calls) == (50, 100)
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 100}
        singles = [body for body in vendor.bodies() if isinstance(body, dict)]
        batches = [body for body in vendor.bodies() if isinstance(body, list)]
        assert Counter(body["n"] for body in singles) == Counter(range(50))
        assert [body["n"] for batch in batches for body in batch] == list(range(50))
        assert len({body["key"] for body in singles}) == 50
        assert vendor.requests[0].headers["user-agent"].startswith("actions-engine/")
        assert vendor.connections <= 8

    run(Receiver(), test)


def test_a_second_run_delivers_nothing_twice(tmp_path: Path) -> None:
    """The same events accepted again are counted as duplicates and make no call."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        for expected in (20, 0):
            async with made(engine, tmp_path) as delivery:
                assert (await delivery.accept(events(20))).events == expected
                await delivery.drain()
        assert len(vendor.requests) == 20

    run(Receiver(), test)


def test_what_one_process_accepted_another_delivers(tmp_path: Path) -> None:
    """`deliver=False` accepts alone; whoever opens the store next delivers."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path, deliver=False) as delivery:
            await delivery.accept(events(5))
        assert not vendor.requests
        async with made(engine, tmp_path) as delivery:
            await delivery.drain()
        assert len(vendor.requests) == 5

    run(Receiver(), test)


def test_rejections_and_what_is_no_event_are_accounted_for(tmp_path: Path) -> None:
    """A mapping that fails is a row with its reason; what is no event is told in the receipt."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            receipt = await delivery.accept([{"type": "track", "messageId": "x"}, 7, *events(1)])
            assert (receipt.events, receipt.rejected) == (2, 1)
            assert [(refusal.number, refusal.reason) for refusal in receipt.refused] == [
                (1, "an event is an object, not a number")
            ]
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1, "rejected": 1}
            (row,) = await stored(delivery)
            assert (row.mapping, row.payload, row.event) == ("m", None, b'{"type":"track","messageId":"x"}')
            assert row.reason.startswith("n")

    run(Receiver(), test)


def test_a_failing_consent_hook_loses_nothing(tmp_path: Path) -> None:
    """An event that a plugin's hook fails on is a rejected row of its own; a dropped one is accepted without a call."""

    class Consent:
        @hookimpl
        def before_route(self, event: dict[str, Any]) -> Drop | None:
            if event["userId"] == "u0":
                raise RuntimeError("consent service down")
            return Drop("no consent")

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, sinks({"consent": Consent()}), a=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            receipt = await delivery.accept(events(2))
            assert (receipt.events, receipt.rejected, receipt.dropped) == (2, 1, 1)
            (row,) = await stored(delivery)
            assert (row.instance, row.mapping) == ("", "")
            assert "consent service down" in row.reason

    run(Receiver(), test)


# -- a misbehaving vendor

LATER = formatdate(2_000_000_010, usegmt=True)
BAD_ANSWERS = {
    "429 with seconds": Answer(429, headers={"Retry-After": "20"}),
    "429 with a date": Answer(429, headers={"Retry-After": LATER, "Date": formatdate(2_000_000_000, usegmt=True)}),
    "500": Answer(500, b"<html>oops"),
    "503 with 200 KB": Answer(503, b"x" * 200_000),
    "reset": Answer(trick="reset"),
    "dropped after accepting": Answer(trick="drop"),
    "cut body": Answer(trick="cut"),
    "timeout after accepting": Answer(trick="hang"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_what_fails_for_now_is_tried_again(tmp_path: Path, name: str) -> None:
    """After two bad answers a call is delivered, with the same key each time."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="timeout: 0.2"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}
            assert delivery.metrics.total("retries") == 2
        assert len(vendor.requests) == 3
        assert len({body["key"] for body in vendor.bodies()}) == 1

    run(Receiver(in_turn(BAD_ANSWERS[name], BAD_ANSWERS[name], Answer())), test)


@pytest.mark.parametrize("name", ["429 with seconds", "429 with a date"])
def test_retry_after_is_obeyed(tmp_path: Path, name: str) -> None:
    """The second attempt is no earlier than the destination asked for."""
    moments: list[float] = []
    clock = Clock(speed=FAST)

    def script(_request: Any) -> Answer:
        moments.append(clock.now())
        return BAD_ANSWERS[name] if len(moments) == 1 else Answer()

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path, clock=clock) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()

    run(Receiver(script), test)
    assert moments[1] - moments[0] >= (20 if name.endswith("seconds") else 10)


def test_an_answer_larger_than_the_limit_counts_by_its_status(tmp_path: Path) -> None:
    """Two megabytes of body do not hinder a 200 from being one."""

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
            await delivery.accept(events(2))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 2}

    run(Receiver(in_turn(Answer(200, b"x" * 2_000_000))), test)


def test_a_permanent_no_is_rejected_with_the_vendors_words(tmp_path: Path) -> None:
    """A 400 ends the call at once, its reason quotes the answer, a secret in it masked."""

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            (row,) = await stored(delivery)
            assert row.reason == 'HTTP 400: {"error": "bad token **********"}'
        assert len(vendor.requests) == 1

    run(Receiver(in_turn(Answer(400, b'{"error": "bad token tok-secret"}'))), test)


def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path) -> None:
    """The credentials never reach another host: a redirect is a refusal."""

    async def test(vendor: Receiver) -> None:
        async with Receiver() as thief:
            vendor.script = in_turn(Answer(307, headers={"Location": f"{thief.url}/steal"}))
            async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
                await delivery.accept(events(1))
                await delivery.drain()
                assert totals(await delivery.ledger()) == {"rejected": 1}
            assert not thief.requests

    run(Receiver(), test)


def test_the_window_closes(tmp_path: Path) -> None:
    """A call that fails until its retry window is over is dead, and says after how many attempts."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="timeout: 1, retry_window: 2m"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"dead": 1}
            (row,) = await stored(delivery)
            assert "the retry window is over" in row.reason
            assert row.reason.startswith("HTTP 500: busy")
            assert row.attempts == len(vendor.requests) > 3

    run(Receiver(in_turn(Answer(500, b"busy"))), test)


def test_attempts_are_limited_where_asked(tmp_path: Path) -> None:
    """`max_attempts: 3` means three requests."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="max_attempts: 3"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            (row,) = await stored(delivery)
            assert "attempt 3 of 3" in row.reason
        assert len(vendor.requests) == 3

    run(Receiver(in_turn(Answer(500))), test)


# -- batches


def test_one_bad_item_of_a_batch_is_found(tmp_path: Path) -> None:
    """A batch that is refused whole is split until the bad item alone is rejected."""

    def script(request: Any) -> Answer:
        bad = any(item["n"] == 13 for item in request.json())
        return Answer(422, b"item is bad") if bad else Answer()

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "many")), tmp_path) as delivery:
            await delivery.accept(events(40))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 39, "rejected": 1}
            (row,) = await stored(delivery)
            assert row.payload is not None
            assert b'"n":13' in row.payload
        assert len(vendor.requests) < 16

    run(Receiver(script), test)


def test_a_payload_that_the_plugin_fails_on_takes_no_other_along(tmp_path: Path) -> None:
    """An action that raises for one payload of a batch rejects that one."""

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "picky")), tmp_path) as delivery:
            await delivery.accept(events(20))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 19, "rejected": 1}
            (row,) = await stored(delivery)
            assert "action picky raised ValueError: seven" in row.reason

    run(Receiver(), test)


def test_each_item_has_its_own_outcome(tmp_path: Path) -> None:
    """A 207 in another order: each item is delivered, rejected or sent again by itself."""
    seen: Counter[int] = Counter()

    def script(request: Any) -> Answer:
        results: list[dict[str, int]] = []
        for item in request.json():
            seen[item["n"]] += 1
            status = 400 if item["n"] == 1 else 500 if item["n"] == 2 and seen[2] == 1 else 200
            results.append({"n": item["n"], "status": status})
        return Answer(207, json.dumps(results[::-1]).encode())

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "told")), tmp_path) as delivery:
            await delivery.accept(events(5))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 4, "rejected": 1}
        assert seen == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}

    run(Receiver(script), test)


def test_a_missing_outcome_is_no_success(tmp_path: Path) -> None:
    """A 200 whose reader finds too few outcomes is tried again and names the plugin."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, "told", delivery="max_attempts: 1"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(2))
            await delivery.drain()
            rows = await stored(delivery, "dead")
            assert len(rows) == 2
            assert "action told returned 1 outcomes for 2 payloads" in rows[0].reason

    run(Receiver(in_turn(Answer(200, b'[{"n":0,"status":200}]'))), test)


def test_an_action_of_several_steps(tmp_path: Path) -> None:
    """A generator's requests are sent in turn, each seeing the answer before; it returns the outcome."""

    def script(request: Any) -> Answer:
        return Answer(200, b'{"id": "c-1"}') if request.method == "GET" else Answer(201)

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "upsert")), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}
        assert [(request.method, request.path) for request in vendor.requests] == [("GET", "/find"), ("PUT", "/c-1")]

    run(Receiver(script), test)


def test_a_step_that_cannot_read_a_failure_has_met_the_failure(tmp_path: Path) -> None:
    """A generator that trips over a 503's HTML is tried again by the status, not by its exception."""

    def script(request: Any) -> Answer:
        return Answer(503, b"<html>") if len(vendor.requests) == 1 else Answer(200, b'{"id": "x"}')

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "upsert")), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}

    vendor = Receiver(script)
    run(vendor, test)


def test_an_own_transport_is_flushed_before_it_counts(tmp_path: Path) -> None:
    """Lines are in the file when their calls are delivered."""

    async def test(_vendor: Receiver) -> None:
        target = tmp_path / "out.jsonl"
        text = f"destination: jsonl\nsettings: {{path: '{target}'}}\npresets: all\n"
        async with made(load(tmp_path, a=text), tmp_path) as delivery:
            await delivery.accept(events(100))
            await delivery.drain()
            assert target.read_bytes().count(b"\n") == 100

    run(Receiver(), test)


def test_an_own_transport_that_fails_is_opened_anew(tmp_path: Path) -> None:
    """A file whose folder appears later is written then."""

    async def test(_vendor: Receiver) -> None:
        target = tmp_path / "later" / "out.jsonl"
        text = f"destination: jsonl\nsettings: {{path: '{target}'}}\npresets: all\n"
        async with made(load(tmp_path, a=text), tmp_path) as delivery:
            await delivery.accept(events(3))
            while not delivery.metrics.total("retries"):
                await asyncio.sleep(0.01)
            target.parent.mkdir()
            await delivery.drain()
            assert target.read_bytes().count(b"\n") == 3

    run(Receiver(), test)


# -- pauses


def test_refused_credentials_pause_and_a_reload_resumes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A 401 burns nothing: one loud message, the calls wait, a reload tries at once."""

    def script(request: Any) -> Answer:
        return Answer() if request.headers.get("authorization") == "Bearer right" else Answer(401)

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="max_attempts: 1"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(30))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"pending": 30}
            assert [pause.reason for pause in await delivery.pauses()] == ["HTTP 401: {}"]
            assert len(vendor.requests) <= 8
            await delivery.reload(load(tmp_path, a=mapping(vendor.url).replace("tok-secret", "right")))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 30}

    with caplog.at_level(logging.ERROR):
        run(Receiver(script), test)
    assert len([record for record in caplog.records if "is paused: HTTP 401" in record.getMessage()]) == 1
    assert "tok-secret" not in caplog.text


def test_a_paused_destination_is_probed(tmp_path: Path) -> None:
    """After five minutes one call probes; when it succeeds the rest follows."""

    async def test(vendor: Receiver) -> None:
        vendor.script = in_turn(*[Answer(403)] * 4, Answer())
        async with made(load(tmp_path, a=mapping(vendor.url, delivery="concurrency: 1")), tmp_path) as delivery:
            await delivery.accept(events(10))
            while totals(await delivery.ledger()).get("delivered") != 10:
                await asyncio.sleep(0.05)
        assert len(vendor.requests) == 14

    run(Receiver(), lambda vendor: _faster(test, vendor))


async def _faster(test: Callable[[Receiver], Awaitable[None]], vendor: Receiver) -> None:
    global FAST  # noqa: PLW0603 - hours of pauses in a second
    before, FAST = FAST, 5_000
    try:
        await test(vendor)
    finally:
        FAST = before


def test_a_host_that_does_not_resolve_pauses(tmp_path: Path) -> None:
    """A name that nobody knows is a mistake in the settings: nothing is burnt."""

    async def test(_vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping("http://nowhere.invalid")), tmp_path) as delivery:
            await delivery.accept(events(3))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"pending": 3}
            (pause,) = await delivery.pauses()
            assert pause.reason == "nowhere.invalid cannot be resolved"

    run(Receiver(), test)


def test_tls_is_verified(tmp_path: Path) -> None:
    """A certificate of an unknown authority pauses; with its authority trusted the calls are delivered."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(2))
            await delivery.drain()
            (pause,) = await delivery.pauses()
            assert "the TLS certificate of 127.0.0.1 is refused" in pause.reason
            assert not vendor.requests
        async with made(engine, tmp_path, tls=trusting) as delivery:
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 2}

    run(Receiver(tls=server), test)


# -- isolation and order


def test_a_dead_destination_delays_no_other(tmp_path: Path) -> None:
    """While one destination hangs, all calls of the others are delivered."""

    def script(request: Any) -> Answer:
        return Answer(trick="hang") if request.path.startswith("/dead") else Answer()

    async def test(vendor: Receiver) -> None:
        engine = load(
            tmp_path,
            dead=mapping(f"{vendor.url}/dead", delivery="timeout: 5"),
            **{f"b{n}": mapping(f"{vendor.url}/b{n}") for n in range(4)},
        )
        async with made(engine, tmp_path, grace=0.0, clock=Clock()) as delivery:
            await delivery.accept(events(50))
            async with asyncio.timeout(3):
                while delivery.metrics.total("delivered") < 200:
                    await asyncio.sleep(0.01)
            assert delivery.metrics.total("delivered", "dead") == 0
            assert delivery.metrics.pending["dead"] == 50

    run(Receiver(script), test)


@pytest.mark.parametrize("action", ["one", "many", "told"])
def test_each_users_order_is_kept_through_failures_and_a_restart(tmp_path: Path, action: str) -> None:
    """30 users x 20 events with scripted 500s and 400s: each user's come in order and are taken once."""
    # A batch of many users would meet one failing item after another, and wait longer each time.
    every = 97 if action == "many" else 7
    tries: Counter[int] = Counter()
    taken: dict[int, list[int]] = {}

    def script(request: Any) -> Answer:
        items = request.json() if isinstance(request.json(), list) else [request.json()]
        for item in items:
            tries[item["n"]] += 1
        if action != "told":
            if any(item["n"] % every == 3 and tries[item["n"]] < 3 for item in items):
                return Answer(500)
            if any(item["n"] % 50 == 8 for item in items):
                return Answer(400)
        results = []
        for item in items:
            number = item["n"]
            status = 500 if number % every == 3 and tries[number] < 3 else 400 if number % 50 == 8 else 200
            results.append({"n": number, "status": status})
            if status == 200:
                taken.setdefault(number % 30, []).append(number)
        return Answer(200, json.dumps(results).encode())

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, action, delivery="ordering: user, concurrency: 8"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(600, users=30))
            while delivery.metrics.total("delivered") < 150:
                await asyncio.sleep(0.005)
        async with made(engine, tmp_path) as delivery:
            await delivery.drain()
            counts = totals(await delivery.ledger())
        assert counts == {"delivered": 588, "rejected": 12}
        for user, numbers in taken.items():
            assert numbers == [n for n in range(user, 600, 30) if n % 50 != 8]

    run(Receiver(script), test)


def test_rates_are_kept(tmp_path: Path) -> None:
    """`max_requests_per_second` holds over the whole run."""
    moments: list[float] = []
    clock = Clock(speed=20)

    def script(_request: Any) -> Answer:
        moments.append(clock.now())
        return Answer()

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="max_requests_per_second: 2"))
        async with made(engine, tmp_path, clock=clock) as delivery:
            await delivery.accept(events(20))
            await delivery.drain()

    run(Receiver(script), test)
    assert len(moments) == 20
    assert moments[-1] - moments[0] > 8


# -- the host's side


def test_hooks_hear_of_outcomes_and_their_failures_change_nothing(tmp_path: Path) -> None:
    """`after_delivery` gets each call with its outcome; one that raises is logged alone."""
    heard: list[tuple[str, str, int]] = []

    class Audit:
        @hookimpl
        def after_delivery(self, call: SentCall, outcome: Outcome) -> None:
            heard.append((call.mapping, outcome.kind, call.attempts))
            raise RuntimeError("audit is down")

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, sinks({"audit": Audit()}), a=mapping(vendor.url)), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}

    run(Receiver(in_turn(Answer(500), Answer())), test)
    assert heard == [("m", "retry", 1), ("m", "delivered", 2)]


def test_leaving_lets_requests_finish_and_releases_the_rest(tmp_path: Path) -> None:
    """Requests under way at the end are settled; calls that were only leased are due at once for the next run."""

    async def test(vendor: Receiver) -> None:
        vendor.script = lambda _request: Answer(delay=0.3)
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(50))
            while not vendor.requests:
                await asyncio.sleep(0.01)
        sent = len(vendor.requests)
        assert 0 < sent < 50
        vendor.script = lambda _request: Answer()
        async with made(engine, tmp_path) as delivery:
            assert totals(await delivery.ledger()) == {"delivered": sent, "pending": 50 - sent}
            await delivery.drain()
        assert Counter(body["n"] for body in vendor.bodies()) == Counter(range(50))

    run(Receiver(), test)


def test_the_grace_period_ends(tmp_path: Path) -> None:
    """A request that hangs beyond the grace period is given up and its call is released."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="timeout: 20"))
        async with made(engine, tmp_path, grace=0.1) as delivery:
            await delivery.accept(events(1))
            while not vendor.requests:
                await asyncio.sleep(0.01)
        async with made(engine, tmp_path, deliver=False) as delivery:
            assert totals(await delivery.ledger()) == {"pending": 1}

    run(Receiver(in_turn(Answer(trick="hang"))), test)


def test_a_synchronous_host_uses_it_from_many_threads(tmp_path: Path) -> None:
    """`in_thread` waits in place of awaiting, safely from many threads, and leaves no thread behind."""
    before = threading.active_count()
    loop = asyncio.new_event_loop()
    vendor = Receiver()
    loop.run_until_complete(vendor.__aenter__())
    serving = threading.Thread(target=loop.run_forever)
    serving.start()
    try:
        engine = load(tmp_path, a=mapping(vendor.url))
        with made(engine, tmp_path).in_thread() as delivery:
            threads = [
                threading.Thread(target=lambda part=part: delivery.accept(part)) for part in _parts(events(60), 6)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            delivery.drain(timeout=10)
            assert totals(delivery.ledger()) == {"delivered": 60}
        with pytest.raises(RuntimeError, match="not open"):
            delivery.accept([])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        serving.join()
        loop.run_until_complete(vendor.__aexit__())
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
    assert threading.active_count() == before
    assert len(vendor.requests) == 60


def _parts(items: list[Any], count: int) -> list[list[Any]]:
    return [items[number::count] for number in range(count)]


def test_many_tasks_accept_in_few_commits(tmp_path: Path) -> None:
    """Events that many tasks accept at once share commits, and each task gets its own receipt."""

    async def test(vendor: Receiver) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
            receipts = await asyncio.gather(*(delivery.accept([event]) for event in events(40) + events(10)))
            assert [receipt.events for receipt in receipts] == [1] * 40 + [0] * 10
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 40}

    run(Receiver(), test)


def test_a_store_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    """A folder that does not exist is a StoreError, and nothing is left running."""

    async def test(vendor: Receiver) -> None:
        with pytest.raises(StoreError, match="there is no folder"):
            async with Delivery(load(tmp_path, a=mapping(vendor.url)), f"sqlite:///{tmp_path}/no/calls.db"):
                pass

    run(Receiver(), test)


def test_an_action_that_is_gone_rejects_its_calls(tmp_path: Path) -> None:
    """A call planned by an action that the plugin has no more is rejected, and says what to do."""

    async def test(vendor: Receiver) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path, deliver=False) as delivery:
            await delivery.accept(events(1))
        del engine.registry.destinations["sink"].actions["one"]
        async with made(engine, tmp_path) as delivery:
            await delivery.drain()
            (row,) = await stored(delivery)
            assert row.reason == "sink has no action 'one' any more"

    run(Receiver(), test)


def test_configurations_are_told_apart(tmp_path: Path) -> None:
    """A changed mapping is another version; the same mappings are the same one."""
    first = made(load(tmp_path, a=mapping("http://x.test")), tmp_path)
    same = made(load(tmp_path, a=mapping("http://x.test")), tmp_path)
    other = made(load(tmp_path, a=mapping("http://x.test") + "filter: type = 'track'\n"), tmp_path)
    assert first.configuration == same.configuration != other.configuration
