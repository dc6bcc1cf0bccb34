"""What is read in an answer: waits in every form, answers that were cut, redirects that nobody follows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actions_engine import Delivery, Engine, Outcome, Registry, Request, Response
from actions_engine.delivery.transports.http import HttpTransport
from actions_engine.store.contract import Filter, StoredCall
from actions_engine.store.open import store_of
from actions_engine.testing import Answer, Received, Vendor

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        (" 3 ", 3.0),
        ("0.25", 0.25),
        (".5", 0.5),
        ("0", 0.0),
        ("-5", 0.0),
        ("-0.5", 0.0),
        ("86400", 86_400.0),
        ("99999999999", 3_600.0),
        ("9" * 400, 3_600.0),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10.0),
        ("Wednesday, 21-Oct-15 07:28:10 GMT", 10.0),
        ("Wed Oct 21 07:28:10 2015", 10.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3_600.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", None),
    ],
)
def test_a_wait_is_read_in_every_form(text: str, seconds: float | None) -> None:
    """Whole and decimal seconds and the three dates of HTTP are waits; none is negative, none beyond belief."""
    assert Outcome.of(Response(429, {"retry-after": text, "date": DATE})).retry_after == seconds


def test_an_answer_says_that_it_was_cut() -> None:
    """One that fits exactly is whole; one of a byte more is cut, and cannot be read as if it were whole."""

    async def go(url: str) -> list[Response]:
        async with HttpTransport(max_answer=1_000) as transport:
            return [await transport.send(Request.get(f"{url}/{size}")) for size in (999, 1_000, 1_001, 5_000)]

    with Vendor(lambda request: Answer(200, b"[" + b" " * (int(request.path[1:]) - 2) + b"]")) as vendor:
        answers = asyncio.run(go(vendor.url))
    assert [(answer.is_cut, len(answer.body)) for answer in answers] == [
        (False, 999), (False, 1_000), (True, 1_000), (True, 1_000),
    ]  # fmt: skip
    for read in (answers[2].json, answers[2].json_object, Response(200, {}, b"{}", is_cut=True).json_object):
        with pytest.raises(ValueError, match=r"the answer was cut off after [\d,]+ bytes"):
            read()


def test_a_refusal_in_the_part_that_was_cut_off_is_found(tmp_path: Path) -> None:
    """A success whose answer is too long is tried again by halves, whose answers are read: the refused one is found."""

    def judge(request: Received) -> Answer:
        users = [event["userId"] for event in request.json()["events"]]
        refused = {"notFoundUserIds": ["u-13"]} if "u-13" in users else {}
        return Answer(200, {"warnings": "w" * 150_000 * len(users)} | refused)

    with Vendor(judge) as vendor:
        calls = delivered(tmp_path, iterable(tmp_path, vendor), [track(number) for number in range(20)])
    assert sorted(call.state for call in calls) == ["delivered"] * 19 + ["rejected"]
    assert [call.reason for call in calls if call.state == "rejected"] == ["Iterable says notFoundUserIds"]


def test_a_call_whose_own_answer_is_cut_is_not_called_delivered(tmp_path: Path) -> None:
    """Alone, it is tried as often as it may be and dies with the reason."""
    with Vendor([Answer(200, {"warnings": "w" * 1_500_000, "notFoundUserIds": ["u-1"]})]) as vendor:
        (call,) = delivered(tmp_path, iterable(tmp_path, vendor, "max_attempts: 2, first_wait: 10ms"), [track(1)])
    assert call.state == "dead"
    assert call.reason.startswith(
        "HTTP 200, but its answer was cut off after 1,000,000 bytes: what became of each call is not known"
    )
    assert len(vendor.received) == 2


@pytest.mark.parametrize(
    ("destination", "action", "status"),
    [
        ("amplitude", "log_event", 400),
        ("braze", "track_event", 201),
        ("braze", "create_alias", 201),
        ("customerio", "track_event", 207),
        ("iterable", "track_event", 200),
        ("iterable", "update_user", 200),
        ("mixpanel", "track_event", 200),
        ("mixpanel", "track_purchase", 200),
        ("slack", "post_message", 200),
        ("tiktok_events", "track", 200),
    ],
)
def test_no_reader_takes_a_cut_answer_for_a_whole_one(destination: str, action: str, status: int) -> None:
    """A reader that looks for the items at fault says that it cannot, and so delivery knows."""
    read = Registry.from_entry_points().destinations[destination].actions[action].outcomes
    assert read is not None
    with pytest.raises(ValueError, match="cut off"):
        read(Response(status, {}, b'{"errors": [{"ind', is_cut=True), [None])


def test_a_refusal_with_a_success_is_searched_for_too(tmp_path: Path) -> None:
    """TikTok refuses a request for one bad event by a code in a 200: the bad one is found, the others are taken."""

    def judge(request: Received) -> Answer:
        events = [event["event_id"] for event in request.json()["data"]]
        return Answer(200, {"code": 40002, "message": "no"} if "m-13" in events else {"code": 0})

    with Vendor(judge) as vendor:
        file = tmp_path / "tiktok.yaml"
        file.write_text(
            "destination: tiktok_events\n"
            f"settings: {{access_token: key-12345, event_source_id: C1, endpoint: '{vendor.url}'}}\n"
            "mappings: [{name: T, action: track, fields: {event: event}}]\n"
        )
        calls = delivered(tmp_path, Engine.load(file, environ={}), [track(number) for number in range(20)])
    assert sorted(call.state for call in calls) == ["delivered"] * 19 + ["rejected"]
    assert [call.reason for call in calls if call.state == "rejected"] == ["TikTok's code 40002: no"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_a_write_names_where_it_leads(tmp_path: Path, status: int) -> None:
    """It is not followed; host and path are told with the remedy, and neither query nor credentials nor secrets."""
    where = "https://user:pass@api.eu.example.com/v2/key-12345/track?email=a@b.c#x"
    with Vendor([Answer(status, headers={"Location": where})]) as vendor:
        (call,) = delivered(tmp_path, iterable(tmp_path, vendor), [track(1)])
    assert (call.state, len(vendor.received)) == ("rejected", 1)
    assert call.reason == (
        f"HTTP {status}, which is not followed: set the endpoint or region of the settings to where it leads: "
        "https://api.eu.example.com/v2/**********/track"
    )


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/v2/track?x=1", "/v2/track on the same host"),
        ("//eu.example.com:8443/a", "https://eu.example.com:8443/a"),
        ("http://[::1", ""),
        ("?x=1", ""),
        ("", ""),
    ],
)
def test_a_location_is_told_as_far_as_it_can_be_read(location: str, told: str) -> None:
    """A path stands on the same host, and what is no address is left out."""
    reason = Outcome.of(Response(307, {"location": location})).reason
    assert reason.endswith(told or "HTTP 307")


def track(number: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "E",
        "userId": f"u-{number}",
        "messageId": f"m-{number}",
        "timestamp": "2026-01-05T10:00:00Z",
    }


def iterable(folder: Path, vendor: Vendor, delivery: str = "") -> Engine:
    file = folder / "iterable.yaml"
    file.write_text(
        f"destination: iterable\nsettings: {{api_key: key-12345, endpoint: '{vendor.url}'}}\n"
        f"delivery: {{{delivery}}}\npresets: [Track calls]\n"
    )
    return Engine.load(file, environ={})


def delivered(folder: Path, engine: Engine, events: list[dict[str, Any]]) -> list[StoredCall]:
    """Deliver events and return what became of their calls."""
    url = str(folder / "calls.db")
    with Delivery(engine, url).in_thread() as delivery:
        delivery.accept(events)
        delivery.drain(20)
    store = store_of(url)
    store.open()
    try:
        return store.find(Filter(("dead", "rejected", "pending", "delivered")))
    finally:
        store.close()
