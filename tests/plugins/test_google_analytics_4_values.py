"""Google Analytics 4: what it would drop in silence is made into what it takes, and what an event is worth."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine import Registry
from actions_engine_google_analytics_4 import google
from tests.plugins.routed import routed

SETTINGS = {"api_secret": "ga-secret", "measurement_id": "G-1"}
NOTE = ["event_name"]


def sent(registry: Registry, event: dict[str, Any], action: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """Return the one event that Google is sent, and the fields that notes tell of."""
    bodies, notes, reasons = routed(registry, google, SETTINGS, event, action)
    assert reasons == []
    (body,) = bodies
    return body["events"][0], notes


@pytest.mark.parametrize(
    ("name", "expected", "notes"),
    [
        ("Button Clicked", "Button_Clicked", []),
        ("Größe  gewählt", "Größe_gewählt", []),
        ("Home | Nav", "Home_Nav", NOTE),
        ("Sign-up Clicked", "Sign_up_Clicked", NOTE),
        ("2nd Visit!", "event_2nd_Visit", NOTE),
        ("_hidden", "hidden", NOTE),
        ("session_start", "event_session_start", NOTE),
        ("ga_sync", "event_ga_sync", NOTE),
        (404, "event_404", NOTE),
        ("x" * 41, "x" * 40, NOTE),
    ],
)
def test_names_are_such_as_google_takes(registry: Registry, name: Any, expected: str, notes: list[str]) -> None:
    """Words are joined without a note; of what is changed beyond that the call says so."""
    event, told = sent(registry, {"type": "track", "event": name}, "custom_event")
    assert event["name"] == expected
    assert told == notes


def test_a_name_without_letters_and_digits_rejects(registry: Registry) -> None:
    """Nothing of such a name could be sent."""
    bodies, _, reasons = routed(registry, google, SETTINGS, {"type": "track", "event": "???"}, "custom_event")
    assert bodies == []
    assert "event_name" in reasons[0]


@pytest.mark.parametrize(
    ("properties", "expected", "notes"),
    [
        ({"plan": "pro", "seats": 3, "trial": True, "gone": None}, {"plan": "pro", "seats": 3, "trial": "true"}, []),
        ({"Plan Type": "pro"}, {"Plan_Type": "pro"}, []),
        ([], {}, []),
        ({"tags": ["a"], "address": {"city": "Rome"}, "plan": "pro"}, {"plan": "pro"}, ["params"]),
        ({"gclid": "g", "_x": 1, "ga_id": 2, "1st": 3}, {"param_gclid": "g", "x": 1, "param_ga_id": 2, "param_1st": 3},
         ["params"]),
        ({"session_id": "17", "engagement_time_msec": 99}, {"session_id": "17"}, []),
        ({"session_id": "9f-3e"}, {"param_session_id": "9f-3e"}, ["params"]),
        ({"email": "ada@example.com", "contact": " ada@example.com", "phone": "+12055550123"}, {}, ["params"]),
        ({f"p{number}": number for number in range(30)}, {f"p{number}": number for number in range(23)}, ["params"]),
    ],
)  # fmt: skip
def test_parameters_are_such_as_google_takes(
    registry: Registry, properties: Any, expected: dict[str, Any], notes: list[str]
) -> None:
    """A custom event sends its properties: text and numbers by names of Google's kind, nobody's address, 25 in all."""
    event, told = sent(registry, {"type": "track", "event": "Trial", "properties": properties}, "custom_event")
    assert event["params"] == expected | {"engagement_time_msec": 1}
    assert told == notes


PRODUCT = {"product_id": "p1", "category": "Games"}


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("Product Added", {"price": 955, "quantity": 2}, 1910),
        ("Product Viewed", {"price": "19.99", "quantity": 3}, 59.97),
        ("Product Viewed", {"price": 1.1}, 1.1),
        ("Product Viewed", {"price": 1.1, "value": 7}, 7),
        ("Product Viewed", {"price": ""}, None),
        ("Cart Viewed", {"products": [PRODUCT | {"price": 2, "quantity": 2}, PRODUCT | {"price": 0.5}]}, 4.5),
        ("Cart Viewed", {"products": [PRODUCT | {"price": 2}, PRODUCT]}, None),
        ("Product List Viewed", {"products": [PRODUCT | {"price": 2}]}, None),
        ("Product Clicked", {"price": 2}, None),
        ("Order Completed", {"products": [PRODUCT | {"price": 2}]}, 2),
        ("Order Completed", {"revenue": 1, "total": 3}, 1),
        ("Order Completed", {"revenue": "", "total": "3.50"}, 3.5),
    ],
)
def test_an_event_is_worth_what_it_says_or_what_its_items_cost(
    registry: Registry, name: str, properties: dict[str, Any], expected: Any
) -> None:
    """Google asks for the sum of the items' prices where the event names no value; a price too few and there is none."""
    event, _ = sent(registry, {"type": "track", "event": name, "properties": PRODUCT | properties})
    assert event["params"].get("value") == expected


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("Product Added", PRODUCT, None),
        ("Product Clicked", PRODUCT | {"list_name": "Best"}, "Best"),
        ("Product List Viewed", {"category": "Games"}, "Games"),
        ("Product List Viewed", {"category": "Games", "list_name": "Best"}, "Best"),
    ],
)
def test_the_lists_name_is_not_the_products_category(
    registry: Registry, name: str, properties: dict[str, Any], expected: str | None
) -> None:
    """A category is a list's name where the list was seen; else it is the product's."""
    event, _ = sent(registry, {"type": "track", "event": name, "properties": properties})
    assert event["params"].get("item_list_name") == expected


@pytest.mark.parametrize(
    ("name", "properties", "expected", "notes"),
    [
        ("Order Completed", {"products": [None, {"product_id": 5, "position": "first", "price": "", "quantity": "2"}]},
         {"items": [{"item_id": "5", "quantity": 2}]}, ["items.0.index"]),
        ("Order Completed", {"products": ["p1", {"sku": "s1", "price": " 3 ", "position": "2"}]},
         {"items": [{"item_id": "s1", "price": 3, "index": 2}]}, ["items.0"]),
        ("Products Searched", {"query": {"text": "shoe"}}, {}, ["search_term"]),
        ("Products Searched", {"query": ["shoe"]}, {"search_term": "shoe"}, []),
        ("Promotion Viewed", {"promotion_id": 1, "position": 3}, {"promotion_id": "1", "creative_slot": "3"}, []),
        ("Signed In", {"method": ""}, {}, []),
    ],
)  # fmt: skip
def test_an_odd_value_costs_its_field_alone(
    registry: Registry, name: str, properties: dict[str, Any], expected: dict[str, Any], notes: list[str]
) -> None:
    """What says plainly what it means is read, what does not is left out with a note; the event is sent."""
    event, told = sent(registry, {"type": "track", "event": name, "properties": properties})
    params = {key: value for key, value in event["params"].items() if key not in ("transaction_id", "value")}
    assert params == expected | {"engagement_time_msec": 1}
    assert sorted(told) == notes


@pytest.mark.parametrize(
    ("properties", "expected", "notes"),
    [
        ({"success": True, "level": "3"}, {"success": "true", "level": 3}, []),
        ({"success": "maybe", "level": 2.5}, {}, ["level", "success"]),
    ],
)
def test_an_odd_level_costs_its_field_alone(
    registry: Registry, properties: dict[str, Any], expected: dict[str, Any], notes: list[str]
) -> None:
    """Google takes the words true and false, and whole levels."""
    event, told = sent(registry, {"type": "track", "event": "Level Ended", "properties": properties}, "level_end")
    assert event["params"] == expected | {"engagement_time_msec": 1}
    assert sorted(told) == notes


@pytest.mark.parametrize(
    "properties", [{"revenue": "$3"}, {"currency": "euros"}, {"products": [{"sku": "s", "price": "?"}]}]
)
def test_wrong_money_rejects(registry: Registry, properties: dict[str, Any]) -> None:
    """An amount or a currency that cannot be read is worse than none."""
    event = {"type": "track", "event": "Order Completed", "properties": properties}
    bodies, _, reasons = routed(registry, google, SETTINGS, event)
    assert (bodies, len(reasons)) == ([], 1)


def test_an_order_without_an_id_is_counted_once(registry: Registry) -> None:
    """The idempotency key stands for the order's id, so that a retry is not a second order; a refund needs the id."""
    event, _ = sent(registry, {"type": "track", "event": "Order Completed", "properties": {"revenue": 5}})
    assert event["params"]["transaction_id"]
    refund = {"type": "track", "event": "Order Refunded", "properties": {"revenue": 5}}
    assert routed(registry, google, SETTINGS, refund) == ([], [], [])


def test_consent_is_read_exactly(registry: Registry) -> None:
    """Small letters are read, as the browser's library writes them; another word rejects, as nobody may guess consent."""
    event = {"type": "track", "event": "Signed In", "properties": {"consent": " granted"}}
    fields = {"ad_user_data": "properties.consent"}
    bodies, _, _ = routed(registry, google, SETTINGS, event, "login", fields)
    assert bodies[0]["consent"] == {"ad_user_data": "GRANTED"}
    event["properties"] = {"consent": "perhaps"}
    assert routed(registry, google, SETTINGS, event, "login", fields)[0] == []
