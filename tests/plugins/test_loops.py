"""Loops: flat properties, and what a conflict means."""

from actions_engine import Response
from actions_engine.testing import SAMPLE_EVENTS, requests_for
from actions_engine_loops import loops

SETTINGS = {"api_key": "k"}


def test_nested_traits_become_flat_properties() -> None:
    """Loops takes no objects: an address is its parts; names and addresses are told apart from other properties."""
    event = {
        "type": "identify",
        "userId": "u",
        "traits": {"email": "a@b.co", "firstName": "A", "address": {"city": "X"}},
    }
    (request,) = requests_for(loops, event, action="update_contact", settings=SETTINGS)
    assert request.json == {"address_city": "X", "firstName": "A", "email": "a@b.co", "userId": "u"}


def test_a_key_that_was_used_means_delivered() -> None:
    """Loops answers 409 to the second request of one call: the first one was taken."""
    outcomes = loops.actions["send_event"].outcomes
    assert outcomes is not None
    assert [outcomes(Response(status), [None])[0].kind for status in (200, 409, 400, 429)] == [
        "delivered", "delivered", "rejected", "retry",
    ]  # fmt: skip


def test_an_event_carries_its_key() -> None:
    """The idempotency key goes into the header of Loops' own name for it."""
    (request,) = requests_for(loops, SAMPLE_EVENTS["Order Completed"], action="send_event", settings=SETTINGS)
    assert request.headers["Idempotency-Key"]
    assert request.json["eventName"] == "Order Completed"
