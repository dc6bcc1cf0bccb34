"""Facebook, Reddit and TikTok: hashing, ids, batches and answers of the conversion APIs."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine import Destination
from actions_engine_facebook_conversions import facebook
from actions_engine_reddit_conversions import reddit
from actions_engine_tiktok_events import tiktok
from tests.plugins.steps import answer, run

AT = "2026-03-02T10:00:00Z"
HASH = "d648b243a3e817eaa3309e00e183483f2867baadf522099f0c2121770536b25a"  # of a@b.c
SETTINGS: dict[str, dict[str, Any]] = {
    "facebook_conversions": {"pixel_id": "1", "access_token": "fb-secret"},
    "reddit_conversions": {"ad_account_id": "a2_1", "conversion_token": "rd-secret"},
    "tiktok_events": {"access_token": "tt-secret", "event_source_id": "C1"},
}
EVENTS: dict[str, tuple[Destination, str, dict[str, Any]]] = {
    "facebook": (facebook, "page_view", {"event_time": AT, "email": " A@B.c"}),
    "reddit": (reddit, "custom_event", {"event_at": AT, "email": " A@B.c", "custom_event_name": "Trial"}),
    "tiktok": (tiktok, "track", {"event_time": AT, "email": " A@B.c", "event": "Trial"}),
}


@pytest.mark.parametrize("name", EVENTS)
def test_an_address_leaves_hashed_and_a_hash_stays(name: str) -> None:
    """An e-mail address is normalised and hashed; its hash, given in its place, makes the same request."""
    destination, action, payload = EVENTS[name]
    plain, hashed = (
        run(destination, action, SETTINGS[destination.name], [payload | {"email": email}])[0][0]
        for email in (payload["email"], HASH)
    )
    assert HASH in str(plain.json)
    assert "b.c" not in str(plain.json).lower()
    assert plain.json == hashed.json


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_without_an_id_has_its_key(name: str) -> None:
    """The idempotency key serves as the event's id, so that a retry is not counted twice."""
    destination, action, payload = EVENTS[name]
    requests, _ = run(destination, action, SETTINGS[destination.name], [payload, payload])
    assert "key-1" in str(requests[0].json)
    assert "key-2" in str(requests[0].json)


def test_custom_data_holds_what_is_not_the_users() -> None:
    """Facebook's user data, the event's own fields and custom data are kept apart."""
    payload = {
        "event_time": AT, "external_id": "u1", "client_ip_address": "1.2.3.4", "currency": "usd", "value": 5,
        "contents": [{"id": "s1", "quantity": 2, "item_price": None}], "custom_data": {"season": "winter"},
    }  # fmt: skip
    requests, _ = run(facebook, "purchase", SETTINGS["facebook_conversions"], [payload])
    (event,) = requests[0].json["data"]
    assert set(event) == {"event_name", "event_time", "event_id", "action_source", "user_data", "custom_data"}
    assert set(event["user_data"]) == {"external_id", "client_ip_address"}
    assert event["custom_data"] == {
        "season": "winter", "currency": "USD", "value": 5, "contents": [{"id": "s1", "quantity": 2}],
    }  # fmt: skip


def test_limited_data_use_is_told_to_reddit() -> None:
    """The option stands among the user's data with its country and region."""
    payload = EVENTS["reddit"][2] | {"limited_data_use": True, "limited_data_use_country": "US"}
    requests, _ = run(reddit, "custom_event", SETTINGS["reddit_conversions"], [payload])
    (event,) = requests[0].json["events"]
    assert event["user"]["data_processing_options"] == {"modes": ["LDU"], "country": "US"}
    assert event["event_type"] == {"tracking_type": "Custom", "custom_event_name": "Trial"}


@pytest.mark.parametrize(
    ("code", "kind"), [(0, "delivered"), (40002, "rejected"), (40100, "retry"), (40105, "paused"), (50002, "retry")]
)
def test_tiktoks_codes_are_read(code: int, kind: str) -> None:
    """TikTok answers 200 with a code inside, which decides."""
    _, outcomes = run(
        tiktok, "track", SETTINGS["tiktok_events"], [EVENTS["tiktok"][2]], [answer(200, {"code": code, "message": "m"})]
    )
    assert [outcome.kind for outcome in outcomes] == [kind]
