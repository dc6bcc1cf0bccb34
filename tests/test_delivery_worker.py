"""The worker of a destination: every shape of action, pauses, order, rates, the end."""

import asyncio
import contextlib
import gzip
import json
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme

from actions_engine import Delivery, Drop, Engine, Outcome, Registry, Request, Response, StoreError, hookimpl
from actions_engine.call import SentCall
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.remap import apply_remap, remap
from actions_engine.delivery.transports.http import HttpTransport
from actions_engine.store.contract import Filter, LedgerRow, Store, StoredCall
from actions_engine.store.open import store_of
from actions_engine.testing import Answer, Received, Vendor
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


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[Store]:
    """Open the delivery's file as another command would."""
    store = store_of(f"sqlite:///{folder / 'calls.db'}")
    store.open()
    try:
        yield store
    finally:
        store.close()


def stored(folder: Path, *states: Any) -> list[StoredCall]:
    with beside(folder) as store:
        return store.find(Filter(states=states or ("dead", "rejected")))


def totals(rows: list[LedgerRow]) -> dict[str, int]:
    assert all(row.holds for row in rows)
    counts = {"delivered": 0, "rejected": 0, "dead": 0, "pending": 0}
    for row in rows:
        for name in counts:
            counts[name] += getattr(row, name)
    return {name: count for name, count in counts.items() if count}


def run(
    script: list[Answer] | Callable[[Received], Answer],
    test: Callable[[Vendor], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> None:
    async def go(vendor: Vendor) -> None:
        async with asyncio.timeout(20):
            await test(vendor)

    with Vendor(script, tls=tls) as vendor:
        asyncio.run(go(vendor))


# -- the happy path


def test_what_one_process_accepted_another_delivers(tmp_path: Path) -> None:
    """`deliver=False` accepts alone; whoever opens the store next delivers."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path, deliver=False) as delivery:
            await delivery.accept(events(5))
        assert not vendor.received
        async with made(engine, tmp_path) as delivery:
            await delivery.drain()
        assert len(vendor.received) == 5

    run([], test)


def test_rejections_and_what_is_no_event_are_accounted_for(tmp_path: Path) -> None:
    """A mapping that fails is a row with its reason; what is no event is told in the receipt."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            receipt = await delivery.accept([{"type": "track", "messageId": "x"}, 7, *events(1)])
            assert (receipt.events, receipt.rejected) == (2, 1)
            assert [(refusal.number, refusal.reason) for refusal in receipt.refused] == [
                (1, "an event is an object, not a number")
            ]
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1, "rejected": 1}
            (row,) = stored(tmp_path)
            assert (row.mapping, row.payload, row.event) == ("m", None, b'{"type":"track","messageId":"x"}')
            assert row.reason.startswith("n")

    run([], test)


def test_a_failing_consent_hook_loses_nothing(tmp_path: Path) -> None:
    """An event that a hook fails on is a rejected row of its own, remapped once the hook works; a dropped one is none."""

    class Consent:
        is_down = True

        @hookimpl
        def before_route(self, event: dict[str, Any]) -> Drop | None:
            if event["userId"] == "u0":
                if not self.is_down:
                    return None
                raise RuntimeError("consent service down")
            return Drop("no consent")

    async def test(vendor: Vendor) -> None:
        consent = Consent()
        engine = load(tmp_path, sinks({"consent": consent}), a=mapping(vendor.url), b=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            receipt = await delivery.accept(events(2))
            assert (receipt.events, receipt.rejected, receipt.dropped) == (2, 1, 1)
            (row,) = stored(tmp_path)
            assert (row.instance, row.mapping) == ("", "")
            assert "consent service down" in row.reason
            consent.is_down = False
            for expected in (True, True):
                remapped = remap(engine, row)
                assert remapped is not None
                assert remapped.calls == 2
                with beside(tmp_path) as store:
                    assert apply_remap(store, remapped, now=delivery.clock.now(), configuration="x") is expected
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 2, "rejected": 1}

    run([], test)


# -- a misbehaving vendor


def test_a_timeout_after_accepting_is_tried_again_with_the_same_key(tmp_path: Path) -> None:
    """A request without an answer in time is repeated; the destination can tell by the key."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="timeout: 0.2"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}
        assert len(vendor.received) == 2
        assert len({request.json()["key"] for request in vendor.received}) == 1

    run([Answer(delay=0.5), Answer()], test)


@pytest.mark.parametrize("form", ["in seconds", "until a moment"])
def test_retry_after_is_obeyed(tmp_path: Path, form: str) -> None:
    """The second attempt is no earlier than the destination asked for."""
    moments: list[float] = []
    clock = Clock(speed=FAST)

    def script(_request: Received) -> Answer:
        moments.append(clock.now())
        # The moment counts from the answer's own Date header, which the server writes.
        asked = "20" if form == "in seconds" else formatdate(time.time() + 21, usegmt=True)
        return Answer(429, headers={"Retry-After": asked}) if len(moments) == 1 else Answer()

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path, clock=clock) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()

    run(script, test)
    assert moments[1] - moments[0] >= 20


def test_an_answer_larger_than_the_limit_counts_by_its_status(tmp_path: Path) -> None:
    """Two megabytes of body do not hinder a 200 from being one."""

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
            await delivery.accept(events(2))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 2}

    run([Answer(200, b"x" * 2_000_000)], test)


def test_connections_are_used_again() -> None:
    """Many requests, one after the other, go over one connection."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def go() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with HttpTransport() as transport:
                for _ in range(50):
                    assert (await transport.send(Request.get(url))).body == b"{}"

    asyncio.run(go())
    assert connections == 1


@pytest.mark.parametrize("name", ["Content-Encoding", "content-encoding"])
def test_a_compressed_answer_is_cut_by_what_comes_out(name: str) -> None:
    """A small answer that grows without bounds when it is unpacked is read up to the limit alone."""
    bomb = Answer(200, gzip.compress(bytes(20_000_000)), {name: "gzip"})

    async def go(url: str) -> Response:
        async with HttpTransport(max_answer=100_000) as transport:
            return await transport.send(Request.get(url))

    with Vendor([bomb]) as vendor:
        assert len(asyncio.run(go(vendor.url)).body) == 100_000


def test_a_permanent_no_is_rejected_with_the_vendors_words(tmp_path: Path) -> None:
    """A 400 ends the call at once, its reason quotes the answer, a secret in it masked."""

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            (row,) = stored(tmp_path)
            assert row.reason == 'HTTP 400: {"error": "bad token **********"}'
        assert len(vendor.received) == 1

    run([Answer(400, b'{"error": "bad token tok-secret"}')], test)


def test_attempts_are_limited_where_asked(tmp_path: Path) -> None:
    """`max_attempts: 3` means three requests."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="max_attempts: 3"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            (row,) = stored(tmp_path)
            assert "attempt 3 of 3" in row.reason
        assert len(vendor.received) == 3

    run([Answer(500)], test)


# -- batches


def test_a_payload_that_the_plugin_fails_on_takes_no_other_along(tmp_path: Path) -> None:
    """An action that raises for one payload of a batch rejects that one."""

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "picky")), tmp_path) as delivery:
            await delivery.accept(events(20))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 19, "rejected": 1}
            (row,) = stored(tmp_path)
            assert "action picky raised ValueError: seven" in row.reason

    run([], test)


def test_each_item_has_its_own_outcome(tmp_path: Path) -> None:
    """A 207 in another order: each item is delivered, rejected or sent again by itself."""
    seen: Counter[int] = Counter()

    def script(request: Received) -> Answer:
        results: list[dict[str, int]] = []
        for item in request.json():
            seen[item["n"]] += 1
            status = 400 if item["n"] == 1 else 500 if item["n"] == 2 and seen[2] == 1 else 200
            results.append({"n": item["n"], "status": status})
        return Answer(207, json.dumps(results[::-1]).encode())

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "told")), tmp_path) as delivery:
            await delivery.accept(events(5))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 4, "rejected": 1}
        assert seen == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}

    run(script, test)


def test_a_missing_outcome_is_no_success(tmp_path: Path) -> None:
    """A 200 whose reader finds too few outcomes is tried again and names the plugin."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, "told", delivery="max_attempts: 1"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(2))
            await delivery.drain()
            rows = stored(tmp_path, "dead")
            assert len(rows) == 2
            assert "action told returned 1 outcomes for 2 payloads" in rows[0].reason

    run([Answer(200, b'[{"n":0,"status":200}]')], test)


def test_an_action_of_several_steps(tmp_path: Path) -> None:
    """A generator's requests are sent in turn, each seeing the answer before; it returns the outcome."""

    def script(request: Received) -> Answer:
        return Answer(200, b'{"id": "c-1"}') if request.method == "GET" else Answer(201)

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "upsert")), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}
        assert [(request.method, request.path) for request in vendor.received] == [("GET", "/find"), ("PUT", "/c-1")]

    run(script, test)


def test_a_step_that_cannot_read_a_failure_has_met_the_failure(tmp_path: Path) -> None:
    """A generator that trips over a 503's HTML is tried again by the status, not by its exception."""
    answers = [Answer(503, b"<html>"), Answer(200, b'{"id": "x"}')]

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url, "upsert")), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}

    run(answers, test)


def test_an_own_transport_is_flushed_before_it_counts(tmp_path: Path) -> None:
    """Lines are in the file when their calls are delivered."""

    async def test(_vendor: Vendor) -> None:
        target = tmp_path / "out.jsonl"
        text = f"destination: jsonl\nsettings: {{path: '{target}'}}\npresets: all\n"
        async with made(load(tmp_path, a=text), tmp_path) as delivery:
            await delivery.accept(events(100))
            await delivery.drain()
            assert target.read_bytes().count(b"\n") == 100

    run([], test)


def test_an_own_transport_that_fails_is_opened_anew(tmp_path: Path) -> None:
    """A file whose folder appears later is written then."""

    async def test(_vendor: Vendor) -> None:
        target = tmp_path / "later" / "out.jsonl"
        text = f"destination: jsonl\nsettings: {{path: '{target}'}}\npresets: all\n"
        async with made(load(tmp_path, a=text), tmp_path) as delivery:
            await delivery.accept(events(3))
            while not delivery.metrics.total("retries"):
                await asyncio.sleep(0.01)
            target.parent.mkdir()
            await delivery.drain()
            assert target.read_bytes().count(b"\n") == 3

    run([], test)


# -- pauses


def test_a_paused_destination_is_probed(tmp_path: Path) -> None:
    """After five minutes one call probes; when it succeeds the rest follows."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="concurrency: 1"))
        # Hours of pauses in a second.
        async with made(engine, tmp_path, clock=Clock(speed=5_000)) as delivery:
            await delivery.accept(events(10))
            while totals(await delivery.ledger()).get("delivered") != 10:
                await asyncio.sleep(0.05)
        assert len(vendor.received) == 14

    run([*[Answer(403)] * 4, Answer()], test)


def test_tls_is_verified(tmp_path: Path) -> None:
    """A certificate of an unknown authority pauses; with its authority trusted the calls are delivered."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(2))
            await delivery.drain()
            (pause,) = await delivery.pauses()
            assert "the TLS certificate of 127.0.0.1 is refused" in pause.reason
            assert not vendor.received
        async with made(engine, tmp_path, tls=trusting) as delivery:
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 2}

    run([], test, tls=server)


# -- isolation and order


@pytest.mark.parametrize("action", ["one", "many", "told"])
def test_each_users_order_is_kept_through_failures_and_a_restart(tmp_path: Path, action: str) -> None:
    """30 users x 20 events with scripted 500s and 400s: each user's come in order and are taken once."""
    # A batch of many users would meet one failing item after another, and wait longer each time.
    every = 97 if action == "many" else 7
    tries: Counter[int] = Counter()
    taken: dict[int, list[int]] = {}

    def script(request: Received) -> Answer:
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

    async def test(vendor: Vendor) -> None:
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

    run(script, test)


def test_rates_are_kept(tmp_path: Path) -> None:
    """`max_requests_per_second` holds over the whole run."""
    moments: list[float] = []
    clock = Clock(speed=20)

    def script(_request: Received) -> Answer:
        moments.append(clock.now())
        return Answer()

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="max_requests_per_second: 2"))
        async with made(engine, tmp_path, clock=clock) as delivery:
            await delivery.accept(events(20))
            await delivery.drain()

    run(script, test)
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

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, sinks({"audit": Audit()}), a=mapping(vendor.url)), tmp_path) as delivery:
            await delivery.accept(events(1))
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 1}

    run([Answer(500), Answer()], test)
    assert heard == [("m", "retry", 1), ("m", "delivered", 2)]


def test_leaving_lets_requests_finish_and_releases_the_rest(tmp_path: Path) -> None:
    """Requests under way at the end are settled; calls that were only leased are due at once for the next run."""
    delays = [0.3]

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(50))
            while not vendor.received:
                await asyncio.sleep(0.01)
        sent = len(vendor.received)
        assert 0 < sent < 50
        delays.append(0.0)
        async with made(engine, tmp_path) as delivery:
            assert totals(await delivery.ledger()) == {"delivered": sent, "pending": 50 - sent}
            await delivery.drain()
        assert Counter(body["n"] for body in [request.json() for request in vendor.received]) == Counter(range(50))

    run(lambda _request: Answer(delay=delays[-1]), test)


def test_the_grace_period_ends(tmp_path: Path) -> None:
    """A request that hangs beyond the grace period is given up and its call is released."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="timeout: 20"))
        async with made(engine, tmp_path, grace=0.1) as delivery:
            await delivery.accept(events(1))
            while not vendor.received:
                await asyncio.sleep(0.01)
        async with made(engine, tmp_path, deliver=False) as delivery:
            assert totals(await delivery.ledger()) == {"pending": 1}

    run([Answer(delay=2.0)], test)


def _parts(items: list[Any], count: int) -> list[list[Any]]:
    return [items[number::count] for number in range(count)]


def test_many_tasks_accept_in_few_commits(tmp_path: Path) -> None:
    """Events that many tasks accept at once share commits, and each task gets its own receipt."""

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
            receipts = await asyncio.gather(*(delivery.accept([event]) for event in events(40) + events(10)))
            assert [receipt.events for receipt in receipts] == [1] * 40 + [0] * 10
            await delivery.drain()
            assert totals(await delivery.ledger()) == {"delivered": 40}

    run([], test)


def test_a_store_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    """A folder that does not exist is a StoreError, and nothing is left running."""

    async def test(vendor: Vendor) -> None:
        with pytest.raises(StoreError, match="there is no folder"):
            async with Delivery(load(tmp_path, a=mapping(vendor.url)), f"sqlite:///{tmp_path}/no/calls.db"):
                pass

    run([], test)


def test_an_action_that_is_gone_rejects_its_calls(tmp_path: Path) -> None:
    """A call planned by an action that the plugin has no more is rejected, and says what to do."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url))
        async with made(engine, tmp_path, deliver=False) as delivery:
            await delivery.accept(events(1))
        del engine.registry.destinations["sink"].actions["one"]
        async with made(engine, tmp_path) as delivery:
            await delivery.drain()
            (row,) = stored(tmp_path)
            assert row.reason == "sink has no action 'one' any more"

    run([], test)


def test_configurations_are_told_apart(tmp_path: Path) -> None:
    """A changed mapping is another version; the same mappings are the same one."""
    first = made(load(tmp_path, a=mapping("http://x.test")), tmp_path)
    same = made(load(tmp_path, a=mapping("http://x.test")), tmp_path)
    other = made(load(tmp_path, a=mapping("http://x.test") + "filter: type = 'track'\n"), tmp_path)
    assert first.configuration == same.configuration != other.configuration


def test_a_slow_destination_holds_up_no_reading(tmp_path: Path) -> None:
    """`backlog` counts at the destination that is furthest on; a paused one does not count."""

    def script(request: Received) -> Answer:
        return Answer(401 if request.path == "/locked" else 200, delay=2.0 if request.path == "/slow" else 0.0)

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, **{name: mapping(f"{vendor.url}/{name}") for name in ("quick", "slow", "locked")})
        async with made(engine, tmp_path, grace=0.0) as delivery:
            await delivery.accept(events(30))
            while delivery.metrics.total("delivered", "quick") < 30 or not await delivery.pauses():
                await asyncio.sleep(0.01)
            assert delivery.metrics.pending["slow"] == delivery.metrics.pending["locked"] == 30
            assert delivery.backlog() == 0

    run(script, test)
