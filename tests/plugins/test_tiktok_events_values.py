"""TikTok Events: who it was by TikTok's rules, what an event is worth, and odd values that cost their field alone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from actions_engine import Registry
from actions_engine_tiktok_events import tiktok
from tests.plugins.routed import routed

SETTINGS = {"access_token": "tt-secret", "event_source_id": "C1"}
HASH = "a" * 64


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sent(registry: Registry, event: dict[str, Any], **options: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the one event that TikTok is sent, and the fields that notes tell of."""
    bodies, notes, reasons = routed(registry, tiktok, SETTINGS, event, **options)
    assert reasons == []
    (body,) = bodies
    return body["data"][0], notes


@pytest.mark.parametrize(
    ("traits", "expected", "notes"),
    [
        ({"firstName": " Ada", "last_name": "O'Hara"}, {"first_name": sha256("ada"), "last_name": sha256("ohara")}, []),
        ({"address": {"city": "New York", "state": "NY", "postal_code": "10001-1234", "country": "US"}},
         {"city": "newyork", "state": "ny", "zip_code": sha256("10001"), "country": "us"}, []),
        ({"address": []}, {}, []),
        ({"address": {"city": ["Rome"], "country": 39}}, {"city": "rome"}, ["country"]),
        ({"email": " Ada@Example.com ", "phone": 12055550123},
         {"email": [sha256("ada@example.com")], "phone": [sha256("+12055550123")]}, []),
        ({"phone": "(205) 555-0123", "address": {"country": "US"}},
         {"phone": [sha256("+12055550123")], "country": "us"}, []),
        ({"email": HASH, "phone": HASH}, {"email": [HASH], "phone": [HASH]}, []),
        ({"email": "", "phone": " ", "firstName": ""}, {}, []),
        ({"email": "nobody", "phone": "12"}, {}, ["email", "phone"]),
    ],
)  # fmt: skip
def test_people_are_matched_by_tiktoks_rules(
    registry: Registry, traits: dict[str, Any], expected: dict[str, Any], notes: list[str]
) -> None:
    """Names and telephone numbers are hashed, places are not; what cannot be read is left out with a note."""
    event, told = sent(registry, {"type": "page", "context": {"traits": traits}})
    assert event["user"] == expected | {"external_id": [sha256("u-1")]}
    assert sorted(told) == notes


@pytest.mark.parametrize(
    ("ids", "expected"),
    [({"userId": None}, "a-1"), ({"userId": ""}, None), ({"userId": " "}, None), ({"userId": 7}, "7")],
)
def test_visitors_stay_matchable(registry: Registry, ids: dict[str, Any], expected: str | None) -> None:
    """The anonymous id is the external id where there is no user id; an empty one says that nobody is known."""
    event, _ = sent(registry, {"type": "page"} | ids)
    assert event["user"].get("external_id") == (None if expected is None else [sha256(expected)])


@pytest.mark.parametrize(
    ("properties", "url", "expected"),
    [
        ({"ttclid": "c-1"}, "https://example.com/?ttclid=c-2", "c-1"),
        ({}, "https://example.com/?a=1&ttclid=c-2", "c-2"),
        ({}, "https://[example.com/?ttclid=c-2", None),
        ({}, "https://example.com/?ttclid=", None),
        ({}, {"ttclid": 1}, None),
    ],
)
def test_the_click_is_known(registry: Registry, properties: dict[str, Any], url: Any, expected: str | None) -> None:
    """The click id is the event's, else that of the page's address."""
    event, _ = sent(registry, {"type": "page", "context": {"page": {"url": url}}, "properties": properties})
    assert event["user"].get("ttclid") == expected


EUR = {"currency": "eur"}
PRODUCT = {"product_id": "p1"}


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("Product Added", EUR | PRODUCT | {"price": "19.99", "quantity": 3}, 59.97),
        ("Product Added", EUR | PRODUCT | {"price": 2, "value": 7}, 7),
        ("Product Added", PRODUCT | {"price": 2}, None),
        ("Product Clicked", EUR | PRODUCT | {"price": 2}, None),
        ("Products Searched", EUR | {"products": [PRODUCT | {"price": 2}]}, None),
        ("Order Completed", EUR | {"products": [PRODUCT | {"price": 2}, PRODUCT]}, None),
        ("Order Completed", EUR | {"products": [PRODUCT | {"price": 2}, PRODUCT | {"price": 1, "quantity": 2}]}, 4),
        ("Order Completed", EUR | {"total": "3.50"}, 3.5),
    ],
)
def test_an_event_is_worth_what_it_says_or_what_its_products_cost(
    registry: Registry, name: str, properties: dict[str, Any], expected: Any
) -> None:
    """A sale without a value is worth what its products cost, where all have a price in a known currency."""
    event, _ = sent(registry, {"type": "track", "event": name, "properties": properties})
    assert event["properties"].get("value") == expected


@pytest.mark.parametrize(
    ("name", "properties", "expected", "notes"),
    [
        ("Order Completed", {"products": [None, {"product_id": 5, "price": "", "quantity": "2", "brand": ["B"]}]},
         {"contents": [{"content_id": "5", "quantity": 2, "brand": "B"}]}, []),
        ("Order Completed", {"products": ["p1", {"name": "Tee"}], "order_id": 7},
         {"contents": [{"content_name": "Tee"}], "order_id": "7"}, ["contents.0"]),
        ("Order Completed", {"products": {}, "currency": ""}, {}, []),
        ("Products Searched", {"query": {"text": "shoe"}}, {}, ["query"]),
        ("Products Searched", {"query": ["shoe"]}, {"query": "shoe"}, []),
    ],
)  # fmt: skip
def test_an_odd_value_costs_its_field_alone(
    registry: Registry, name: str, properties: dict[str, Any], expected: dict[str, Any], notes: list[str]
) -> None:
    """What says plainly what it means is read, what does not is left out with a note; the event is sent."""
    event, told = sent(registry, {"type": "track", "event": name, "properties": properties})
    assert event["properties"] == expected | {"content_type": "product"}
    assert told == notes


@pytest.mark.parametrize(
    "properties", [{"revenue": "$5"}, {"currency": "euros"}, {"products": [{"sku": "s", "price": "?"}]}]
)
def test_wrong_money_rejects(registry: Registry, properties: dict[str, Any]) -> None:
    """An amount or a currency that cannot be read is worse than none."""
    event = {"type": "track", "event": "Order Completed", "properties": properties}
    assert routed(registry, tiktok, SETTINGS, event)[0] == []


@pytest.mark.parametrize(("said", "calls", "limited"), [("true", 1, True), (None, 1, False), ("perhaps", 0, None)])
def test_limited_use_is_read_exactly(registry: Registry, said: Any, calls: int, limited: bool | None) -> None:
    """Nobody may guess whether a person's data may be used."""
    bodies, _, _ = routed(registry, tiktok, SETTINGS, {"type": "page", "properties": {"limited_data_use": said}})
    assert [body["data"][0]["limited_data_use"] for body in bodies] == [limited] * calls


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Product Viewed", "ViewContent"), ("Product Clicked", "ClickButton"), ("Products Searched", "Search"),
        ("Product Added to Wishlist", "AddToWishlist"), ("Product Added", "AddToCart"),
        ("Checkout Started", "InitiateCheckout"), ("Payment Info Entered", "AddPaymentInfo"),
        ("Order Placed", "PlaceAnOrder"), ("Order Completed", "CompletePayment"), ("Signed Up", "CompleteRegistration"),
        ("Subscription Created", "Subscribe"), ("Form Submitted", "SubmitForm"), ("Callback Started", "Contact"),
        ("Download Link Clicked", "Download"),
    ],
)  # fmt: skip
def test_each_event_of_tiktoks_has_a_preset(registry: Registry, name: str, expected: str) -> None:
    """The 14 standard events, and page views, are recommended mappings."""
    event, _ = sent(registry, {"type": "track", "event": name})
    assert event["event"] == expected
    assert len(tiktok.presets) == 15
