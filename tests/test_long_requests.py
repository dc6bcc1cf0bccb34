"""A batch's `max_bytes` holds for the body that is sent, whatever an action makes of its payloads."""

from __future__ import annotations

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
    Settings,
    Steps,
)
from actions_engine.testing import Answer, Vendor

MOST = 10_000


class Where(Settings):
    """Where the made-up vendor is."""

    endpoint: str


class Note(Payload):
    """Something short, which becomes long."""

    id: Annotated[str, From("messageId")]


def wordy() -> Destination:
    """A destination whose requests are far longer than their payloads, at once and after a step."""
    made = Destination("wordy", settings=Where)
    policy = Batch(max_calls=100, max_bytes=MOST)

    def request(settings: Where, payloads: list[Note]) -> Request:
        items = [{"id": payload.id, "said": "x" * 300} for payload in payloads]
        return Request.post(f"{settings.endpoint}/notes", json=items)

    @made.action(trigger="type != null", batch=policy)
    def at_once(settings: Where, payloads: list[Note]) -> Request:
        """Send notes."""
        return request(settings, payloads)

    @made.action(trigger="type != null", batch=policy)
    def after_a_step(settings: Where, payloads: list[Note]) -> Steps:
        """Ask, then send notes."""
        yield Request.get(f"{settings.endpoint}/limits")
        response = yield request(settings, payloads)
        return [Outcome.of(response)] * len(payloads)

    return made


def engine(folder: Path, action: str, endpoint: str, delivery: str = "") -> Engine:
    file = folder / "wordy.yaml"
    file.write_text(
        f"destination: wordy\nsettings: {{endpoint: '{endpoint}'}}\ndelivery: {{{delivery}}}\n"
        f"mappings: [{{name: N, action: {action}}}]\n"
    )
    return Engine.load(file, registry=Registry([wordy()]))


def events(count: int) -> list[dict[str, Any]]:
    return [{"type": "track", "event": "E", "userId": f"u-{n % 50}", "messageId": f"m-{n}"} for n in range(count)]


def test_no_request_of_several_calls_is_longer_than_its_policy(tmp_path: Path) -> None:
    """`requests` divides the calls until each body fits, in their order, and loses none."""
    made = engine(tmp_path, "at_once", "https://vendor.example.com")
    calls = [call for event in events(250) for call in made.route(event).calls]
    requests = made.requests(calls)
    assert max(len(request.body() or b"") for request in requests) <= MOST
    assert [item["id"] for request in requests for item in request.json] == [f"m-{n}" for n in range(250)]
    assert [call for group in requests.calls for call in group] == calls


@pytest.mark.parametrize("action", ["at_once", "after_a_step"])
@pytest.mark.parametrize("ordering", ["none", "user"])
def test_delivery_sends_no_body_that_is_too_long(tmp_path: Path, action: str, ordering: str) -> None:
    """Each call is delivered once, in requests that fit, and what was learned fills those that come after."""
    with Vendor() as vendor:
        made = engine(tmp_path, action, vendor.url, f"ordering: {ordering}, max_attempts: 1, concurrency: 1")
        with Delivery(made, str(tmp_path / "calls.db")).in_thread() as delivery:
            delivery.accept(events(1_000))
            delivery.drain(30)
            (row,) = delivery.ledger()
    sent = [request for request in vendor.received if request.method == "POST"]
    assert row.delivered == 1_000
    assert max(len(request.body) for request in sent) <= MOST
    assert sorted(item["id"] for request in sent for item in request.json()) == sorted(f"m-{n}" for n in range(1_000))
    # 30 notes fit.
    assert len(sent) < 100


def test_one_call_alone_is_sent_whatever_its_size(tmp_path: Path) -> None:
    """Only the vendor can say that one call is too long: it is sent, and refused with the vendor's word."""
    made = Destination("wordy", settings=Where)

    @made.action(trigger="type != null", batch=Batch(max_calls=100, max_bytes=100))
    def at_once(settings: Where, payloads: list[Note]) -> Request:
        """Send notes."""
        return Request.post(settings.endpoint, json=[{"id": payload.id, "said": "x" * 300} for payload in payloads])

    with Vendor([Answer(413)]) as vendor:
        (tmp_path / "m.yaml").write_text(
            f"destination: wordy\nsettings: {{endpoint: '{vendor.url}'}}\nmappings: [{{name: N, action: at_once}}]\n"
        )
        loaded = Engine.load(tmp_path / "m.yaml", registry=Registry([made]))
        with Delivery(loaded, str(tmp_path / "calls.db")).in_thread() as delivery:
            delivery.accept(events(3))
            delivery.drain(30)
            (row,) = delivery.ledger()
    assert (row.rejected, len(vendor.received)) == (3, 3)
