"""Reddit Conversions: both versions of the API, who it was by Reddit's rules, and odd values that cost their field alone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from actions_engine import Registry
from actions_engine_reddit_conversions import RedditSettings, reddit
from tests.plugins.routed import routed
from tests.plugins.steps import run

OLD = {"ad_account_id": "a2_1", "conversion_token": "rd-secret"}
NEW = {"pixel_id": "a2_1", "conversion_token": "rd-secret"}
HASH = "a" * 64


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sent(registry: Registry, event: dict[str, Any], **options: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the one event that Reddit is sent in version 3, and the fields that notes tell of."""
    bodies, notes, reasons = routed(registry, reddit, NEW, event, **options)
    assert reasons == []
    (body,) = bodies
    return body["data"]["events"][0], notes


ORDER = {
    "event_at": "2026-01-05T10:00:00.250Z", "tracking_type": "Purchase", "conversion_id": HASH, "currency": "EUR",
    "value_decimal": 5.5, "item_count": 2, "event_source_url": "https://example.com/", "click_id": "c-1",
    "limited_data_use": True, "email": HASH, "screen_width": 411.4, "screen_height": 800,
}  # fmt: skip
USER = {
    "email": HASH, "screen_dimensions": {"width": 411, "height": 800}, "data_processing_options": {"modes": ["LDU"]},
}  # fmt: skip


def test_a_pixel_is_sent_the_current_version() -> None:
    """Version 3: its own path, names in capitals, milliseconds, `value`, and where the event happened."""
    (request,), _ = run(reddit, "standard_event", NEW | {"test_id": "t-1"}, [ORDER])
    assert str(request.url) == "https://ads-api.reddit.com/api/v3/pixels/a2_1/conversion_events"
    assert request.json == {
        "data": {
            "test_id": "t-1",
            "events": [
                {
                    "event_at": 1767607200250,
                    "action_source": "WEBSITE",
                    "event_source_url": "https://example.com/",
                    "click_id": "c-1",
                    "type": {"tracking_type": "PURCHASE"},
                    "metadata": {"currency": "EUR", "value": 5.5, "item_count": 2, "conversion_id": HASH},
                    "user": USER,
                }
            ],
        }
    }


def test_an_ad_account_is_sent_the_version_before() -> None:
    """A mapping with an ad account goes on as it was."""
    (request,), _ = run(reddit, "standard_event", OLD | {"test_mode": True}, [ORDER])
    assert str(request.url) == "https://ads-api.reddit.com/api/v2.0/conversions/events/a2_1"
    assert request.json == {
        "test_mode": True,
        "events": [
            {
                "event_at": "2026-01-05T10:00:00.250Z",
                "event_type": {"tracking_type": "Purchase"},
                "click_id": "c-1",
                "event_metadata": {
                    "currency": "EUR", "value_decimal": 5.5, "item_count": 2, "conversion_id": HASH,
                },
                "user": USER,
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("PageVisit", "PAGE_VISIT"), ("AddToWishlist", "ADD_TO_WISHLIST"), ("SignUp", "SIGN_UP"), ("Lead", "LEAD")],
)
def test_kinds_have_their_current_names(kind: str, expected: str) -> None:
    """Mappings keep the names that they have; version 3 is sent its own."""
    (request,), _ = run(reddit, "standard_event", NEW, [ORDER | {"tracking_type": kind}])
    assert request.json["data"]["events"][0]["type"] == {"tracking_type": expected}


def test_an_own_event_is_custom(registry: Registry) -> None:
    """A custom event has its name, of which 64 characters are taken."""
    event, told = sent(registry, {"type": "track", "event": "n" * 65}, action="custom_event")
    assert event["type"] == {"tracking_type": "CUSTOM", "custom_event_name": "n" * 64}
    assert told == ["custom_event_name"]


@pytest.mark.parametrize("ids", [{}, OLD | NEW, NEW | {"test_mode": True}])
def test_one_version_is_asked_for(ids: dict[str, Any]) -> None:
    """Neither or both ids are refused, and so is a way to test that the version does not have."""
    with pytest.raises(ValidationError, match=r"pixel_id|test_id"):
        RedditSettings.model_validate({"conversion_token": "s"} | ids)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("Al.ice$+Apple@Example.Com", "alice@example.com"),
        (" alice@example.com ", "alice@example.com"),
        ("a_b-c@example.com", "abc@example.com"),
        (HASH, None),
    ],
)
def test_addresses_are_hashed_by_reddits_rules(registry: Registry, address: str, expected: str | None) -> None:
    """Signs and the alias before the @ go before the address is hashed; a hash stays as it is."""
    event, told = sent(registry, {"type": "page", "context": {"traits": {"email": address}}})
    assert event["user"]["email"] == (HASH if expected is None else sha256(expected))
    assert told == []


ZEROS = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("device", "os", "expected", "notes"),
    [
        ({"type": "ios", "advertisingId": "ab-1"}, {}, {"idfa": sha256("AB-1")}, []),
        ({"advertisingId": "ab-1"}, {"name": "iOS"}, {"idfa": sha256("AB-1")}, []),
        ({"type": "android", "advertisingId": "AB-1"}, {}, {"aaid": sha256("ab-1")}, []),
        ({"type": "ios", "advertisingId": ZEROS}, {}, {}, ["idfa"]),
        ({"type": "android", "advertisingId": HASH}, {}, {"aaid": HASH}, []),
        ({"type": 7, "advertisingId": "ab-1"}, {}, {}, []),
        ([], [], {}, []),
    ],
)
def test_phones_are_matched(
    registry: Registry, device: Any, os: Any, expected: dict[str, str], notes: list[str]
) -> None:
    """Apple's id is hashed in capitals, Android's in small letters; zeros are no id."""
    event, told = sent(registry, {"type": "page", "context": {"device": device, "os": os}})
    assert {name: event["user"][name] for name in ("idfa", "aaid") if name in event["user"]} == expected
    assert told == notes


@pytest.mark.parametrize(
    ("ids", "expected"),
    [({"userId": None}, "a-1"), ({"userId": ""}, None), ({"userId": " "}, None), ({"userId": 7}, "7")],
)
def test_visitors_stay_matchable(registry: Registry, ids: dict[str, Any], expected: str | None) -> None:
    """The anonymous id is the external id where there is no user id; an empty one says that nobody is known."""
    event, _ = sent(registry, {"type": "page"} | ids)
    assert event["user"].get("external_id") == (None if expected is None else sha256(expected))


@pytest.mark.parametrize(
    ("context", "properties", "expected", "notes"),
    [
        ({"screen": {"width": 411.4, "height": "800"}}, {"revenue": 5}, {"width": 411, "height": 800}, []),
        ({"screen": {"width": "wide", "height": 800}}, {"revenue": 5}, None, ["screen_width"]),
        ({"screen": []}, {"revenue": "5.00", "currency": " eur"}, None, []),
        ({"traits": {"phone": 12055550123}}, {"quantity": "2"}, None, []),
        ({"traits": {"phone": "call me"}}, {"quantity": 1.5}, None, ["item_count", "phone_number"]),
        ({"traits": {"email": ""}, "ip": "", "userAgent": " "}, {"revenue": "", "currency": ""}, None, []),
        ({}, {"products": [None, "p1", {"product_id": 5}, {"name": ["Tee"]}]}, None, ["products.0"]),
    ],
)
def test_an_odd_value_costs_its_field_alone(
    registry: Registry, context: dict[str, Any], properties: dict[str, Any], expected: Any, notes: list[str]
) -> None:
    """A purchase is sent whatever its screen, telephone or products look like."""
    event, told = sent(
        registry, {"type": "track", "event": "Order Completed", "context": context, "properties": properties}
    )
    assert event["type"] == {"tracking_type": "PURCHASE"}
    assert event["user"].get("screen_dimensions") == expected
    assert sorted(told) == notes


@pytest.mark.parametrize("properties", [{"revenue": "$5"}, {"currency": "euros"}])
def test_wrong_money_rejects(registry: Registry, properties: dict[str, Any]) -> None:
    """An amount or a currency that cannot be read is worse than none."""
    event = {"type": "track", "event": "Order Completed", "properties": properties}
    assert routed(registry, reddit, NEW, event)[0] == []


def test_a_products_own_event_names_it(registry: Registry) -> None:
    """An event about one product has it as its product, as a pixel would send it; the browser's ids are taken over."""
    event, _ = sent(
        registry,
        {
            "type": "track",
            "event": "Product Added",
            "properties": {"sku": "s-1", "name": "Tee"},
            "integrations": {"Reddit Conversions Api": {"click_id": "c-1", "uuid": "u-1"}},
        },
    )
    assert event["metadata"]["products"] == [{"id": "s-1", "name": "Tee"}]
    assert (event["click_id"], event["user"]["uuid"]) == ("c-1", "u-1")


def test_every_kind_has_a_preset() -> None:
    """All eight events that Reddit has a name for are recommended."""
    kinds = {preset.fields["tracking_type"]["$literal"] for preset in reddit.presets.values()}
    assert kinds == {
        "PageVisit", "ViewContent", "Search", "AddToCart", "AddToWishlist", "Purchase", "Lead", "SignUp",
    }  # fmt: skip
