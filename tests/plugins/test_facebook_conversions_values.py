"""Facebook Conversions: who it was by Meta's rules, what an event is worth, and odd values that cost their field alone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from actions_engine import Registry
from actions_engine_facebook_conversions import GRAPH_VERSION, facebook
from tests.plugins.routed import routed

SETTINGS = {"pixel_id": "1", "access_token": "fb-secret"}
HASH = "a" * 64


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sent(registry: Registry, event: dict[str, Any], **options: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the one event that Meta is sent, and the fields that notes tell of."""
    bodies, notes, reasons = routed(registry, facebook, SETTINGS, event, **options)
    assert reasons == []
    (body,) = bodies
    return body["data"][0], notes


@pytest.mark.parametrize(
    ("traits", "expected", "notes"),
    [
        ({"firstName": " Ada", "last_name": "O'Hara"}, {"fn": "ada", "ln": "ohara"}, []),
        ({"gender": "Female", "birthday": "1990-12-31"}, {"ge": "f", "db": "19901231"}, []),
        ({"address": {"city": "New York", "state": "New York", "postal_code": "10001-1234", "country": "US"}},
         {"ct": "newyork", "st": "ny", "zp": "10001", "country": "us"}, []),
        ({"address": {"city": "Köln", "state": "NW", "zip": 50667}}, {"ct": "köln", "st": "nw", "zp": "50667"}, []),
        ({"address": []}, {}, []),
        ({"email": "  Ada@Example.com ", "phone": 12055550123}, {"em": "ada@example.com", "ph": "12055550123"}, []),
        ({"phone": "(205) 555-0123", "address": {"country": "US"}}, {"ph": "12055550123", "country": "us"}, []),
        ({"email": "", "phone": " ", "firstName": "", "birthday": ""}, {}, []),
        ({"email": "nobody", "phone": "12", "birthday": "soon", "gender": "unknown"}, {},
         ["date_of_birth", "email", "gender", "phone"]),
        ({"address": {"country": "Germany"}}, {}, ["country"]),
    ],
)  # fmt: skip
def test_people_are_matched_by_metas_rules(
    registry: Registry, traits: dict[str, Any], expected: dict[str, str], notes: list[str]
) -> None:
    """Each fact is normalised before it is hashed, in either spelling; what cannot be read is left out with a note."""
    event, told = sent(registry, {"type": "page", "context": {"traits": traits}})
    user = event["user_data"]
    assert user.pop("external_id") == [sha256("u-1")]
    assert user == {name: sha256(text) for name, text in expected.items()}
    assert sorted(told) == notes


def test_what_is_hashed_stays(registry: Registry) -> None:
    """A hash in place of an address, a number or a city is sent as it is."""
    traits = {"email": HASH, "phone": HASH, "firstName": HASH, "address": {"city": HASH, "state": HASH}}
    event, told = sent(registry, {"type": "page", "context": {"traits": traits}})
    assert {event["user_data"][name] for name in ("em", "ph", "fn", "ct", "st")} == {HASH}
    assert told == []


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"userId": None}, "a-1"),
        ({"userId": ""}, None),
        ({"userId": " "}, None),
        ({"userId": 7}, "7"),
        ({"userId": ["U-2"]}, "u-2"),
    ],
)
def test_visitors_stay_matchable(registry: Registry, ids: dict[str, Any], expected: str | None) -> None:
    """The anonymous id is the external id where there is no user id; an empty one says that nobody is known."""
    event, _ = sent(registry, {"type": "page"} | ids)
    assert event["user_data"].get("external_id") == (None if expected is None else [sha256(expected)])


PRODUCT = {"product_id": "p1"}
EUR = {"currency": "eur"}


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("Product Added", EUR | PRODUCT | {"price": "19.99", "quantity": 3}, 59.97),
        ("Product Viewed", EUR | PRODUCT | {"price": 955}, 955),
        ("Product Viewed", EUR | PRODUCT | {"price": 955, "value": 1}, 1),
        ("Product Viewed", PRODUCT | {"price": 955}, None),
        ("Order Completed", EUR | {"total": "3.50"}, 3.5),
        ("Order Completed", EUR | {"revenue": 0, "total": 3}, 0),
        ("Order Completed", EUR | {"products": [PRODUCT | {"price": 2}, {"sku": "s", "price": 1, "quantity": 2}]}, 4),
        ("Checkout Started", EUR | {"products": [PRODUCT | {"price": 2}]}, 2),
        ("Products Searched", EUR | {"products": [PRODUCT | {"price": 2}]}, None),
    ],
)
def test_an_event_is_worth_what_it_says_or_what_its_products_cost(
    registry: Registry, name: str, properties: dict[str, Any], expected: Any
) -> None:
    """A purchase without revenue is worth what was bought, as Meta takes none without a value."""
    event, _ = sent(registry, {"type": "track", "event": name, "properties": properties})
    assert event["custom_data"].get("value") == expected


@pytest.mark.parametrize(
    ("properties", "calls", "rejections"),
    [
        ({"revenue": 5}, 0, 0),
        (EUR | {"revenue": 5}, 1, 0),
        (EUR, 0, 1),
        (EUR | {"products": [PRODUCT]}, 0, 1),
        (EUR | {"revenue": "$5"}, 0, 1),
        ({"revenue": 5, "currency": "euros"}, 0, 1),
        (EUR | {"revenue": 5, "products": [PRODUCT | {"price": "?"}]}, 0, 1),
    ],
)
def test_money_is_right_or_not_sent(
    registry: Registry, properties: dict[str, Any], calls: int, rejections: int
) -> None:
    """The preset asks for a currency; amounts that cannot be read reject."""
    bodies, _, reasons = routed(
        registry, facebook, SETTINGS, {"type": "track", "event": "Order Completed", "properties": properties}
    )
    assert (len(bodies), len(reasons)) == (calls, rejections)


@pytest.mark.parametrize(
    ("name", "properties", "expected", "notes"),
    [
        ("Order Completed", EUR | {"revenue": 1, "products": [None, {"product_id": 5, "price": "", "quantity": "2"}]},
         EUR | {"value": 1, "contents": [{"id": "5", "quantity": 2}]}, []),
        ("Order Completed", EUR | {"revenue": 1, "products": ["p1", {"name": "Tee"}]},
         EUR | {"value": 1}, ["contents.0", "contents.1"]),
        ("Order Completed", EUR | {"revenue": 1, "products": {}}, EUR | {"value": 1}, []),
        ("Products Searched", {"query": {"text": "shoe"}, "value": 2}, {"value": 2}, ["search_string"]),
        ("Products Searched", {"query": ["shoe"]}, {"search_string": "shoe"}, []),
        ("Products Searched", {"query": 7, "sku": "s"}, {"search_string": "7", "contents": [{"id": "s"}]}, []),
    ],
)  # fmt: skip
def test_an_odd_value_costs_its_field_alone(
    registry: Registry, name: str, properties: dict[str, Any], expected: dict[str, Any], notes: list[str]
) -> None:
    """What says plainly what it means is read, what does not is left out with a note; the event is sent."""
    event, told = sent(registry, {"type": "track", "event": name, "properties": properties})
    assert event["custom_data"] == expected | ({"currency": "EUR"} if "currency" in expected else {})
    assert len(told) == len(notes)


def test_one_id_is_a_list_of_one(registry: Registry) -> None:
    """`content_ids` takes one id as well as many."""
    event = {"type": "track", "event": "Trial", "properties": {"product_id": 7}}
    told = sent(registry, event, action="custom", fields={"content_ids": "properties.product_id"})[0]
    assert told["custom_data"] == {"content_ids": ["7"]}


PHONE = {
    "app": {"namespace": "com.example", "version": "2.1", "build": 7}, "os": {"name": "Android", "version": 14},
    "device": {"model": "Pixel", "advertisingId": "AD-1", "adTrackingEnabled": True},
    "network": {"carrier": "T"}, "screen": {"width": 411.4, "height": 800}, "locale": "de-AT", "timezone": "Europe/Vienna",
}  # fmt: skip


def test_an_apps_event_tells_of_its_device(registry: Registry) -> None:
    """Of an event that happened in an app Meta hears of the app and the device, in its 16 places."""
    event, told = sent(
        registry,
        {"type": "screen", "context": PHONE},
        action="page_view",
        fields={"action_source": {"$literal": "app"}},
    )
    assert event["app_data"] == {
        "advertiser_tracking_enabled": 1,
        "application_tracking_enabled": 1,
        "extinfo": [
            "a2", "com.example", "2.1", "7", "14", "Pixel", "de-AT", "", "T", "411.4", "800", "", "", "", "",
            "Europe/Vienna",
        ],
    }  # fmt: skip
    assert event["user_data"]["madid"] == "AD-1"
    assert told == []


def test_a_websites_event_tells_of_no_app(registry: Registry) -> None:
    """Meta takes the app's data of events of apps alone; an advertising id of zeros is nobody's."""
    device = {"advertisingId": "00000000-0000-0000-0000-000000000000"}
    event, told = sent(registry, {"type": "page", "context": PHONE | {"device": device}})
    assert "app_data" not in event
    assert "madid" not in event["user_data"]
    assert told == ["madid"]


@pytest.mark.parametrize("options", ["LDU", ["ldu"], {"a": 1}])
def test_limited_use_is_read_exactly(registry: Registry, options: Any) -> None:
    """What cannot be read of how a person's data may be used rejects the event."""
    event = {"type": "page", "properties": {"options": options}}
    fields = {"data_processing_options": "properties.options"}
    assert routed(registry, facebook, SETTINGS, event, "page_view", fields)[0] == []


def test_the_version_is_the_current_one(registry: Registry) -> None:
    """The version of the Graph API stands once, and may be set."""
    assert GRAPH_VERSION == facebook.settings.model_fields["api_version"].default == "v26.0"
