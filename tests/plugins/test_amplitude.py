"""Amplitude: what of an event reaches it, and that nothing odd in an event loses the event."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine_amplitude import amplitude
from tests.plugins.by_presets import ORDER, Made, but, made_of

SETTINGS = {"api_key": "key-12345"}
AT = 1767607200000
ZEROS = "00000000-0000-0000-0000-000000000000"
PHONE = {
    "app": {"name": "Shop", "version": 1.2},
    "device": {"id": "B5372DB0", "advertisingId": "7A3CBEA0", "manufacturer": "Apple", "model": "iPhone7,2", "type": "ios"},
    "network": {"carrier": "T-Mobile US"},
    "os": {"name": "iPhone OS", "version": "8.1.3"},
    "location": {"latitude": "37.77", "longitude": -122.39, "country": "United States", "city": "San Francisco"},
    "locale": "en-US",
}  # fmt: skip


def made(event: dict[str, Any], **settings: Any) -> Made:
    return made_of(amplitude, SETTINGS | settings, event)


def first(event: dict[str, Any]) -> dict[str, Any]:
    found = made(event)
    assert found.reasons == []
    own: dict[str, Any] = found.bodies[0].get("events", found.bodies[0].get("identification"))[0]
    return own


def test_a_phones_context_is_passed_on() -> None:
    """The ids of devices and of advertising, the place and the platform, for the order and each of its products."""
    expected = {
        "device_id": "B5372DB0", "idfa": "7A3CBEA0", "idfv": "B5372DB0", "adid": "7A3CBEA0", "platform": "iOS",
        "location_lat": 37.77, "location_lng": -122.39, "app_version": "1.2", "carrier": "T-Mobile US",
        "device_manufacturer": "Apple", "device_model": "iPhone7,2", "os_name": "iPhone OS", "os_version": "8.1.3",
        "country": "United States", "city": "San Francisco", "language": "en-US",
    }  # fmt: skip
    for event in made(but(ORDER, context=PHONE)).bodies[0]["events"]:
        assert {name: event.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("context", "platform"),
    [
        ({"device": {"type": "ios"}}, "iOS"),
        ({"device": {"type": "Android"}}, "Android"),
        ({"library": {"name": "analytics.js"}}, "Web"),
        ({"device": {"type": "ios"}, "library": {"name": "analytics.js"}}, "iOS"),
        ({"device": {"type": "kiosk"}}, "kiosk"),
        ({"library": {"name": "analytics-python"}}, None),
    ],
)
def test_a_platform_has_amplitudes_spelling(context: dict[str, Any], platform: str | None) -> None:
    """`ios` and `iOS` are one platform in reports."""
    assert first(but(ORDER, context=context)).get("platform") == platform


@pytest.mark.parametrize(
    ("given", "session"),
    [
        (-1, -1),
        ("-1", -1),
        (1767607200000, AT),
        ("1767607200000", AT),
        ("2026-01-05T10:00:00Z", AT),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
@pytest.mark.parametrize("name", ["Actions Amplitude", "Amplitude"])
def test_a_session_is_a_moment_or_none(given: Any, session: int | None, name: str) -> None:
    """-1 says that an event is of no session; it is not the second before 1970."""
    assert first(but(ORDER, integrations={name: {"session_id": given}})).get("session_id") == session


@pytest.mark.parametrize("word", ["null", "undefined", "None", "anonymous", "-1", 0, "{}", "unknown", ZEROS])
def test_a_word_for_no_id_is_none(word: Any) -> None:
    """The visitor's id serves where the user's is a program's word for nothing, and zeros are no advertising id."""
    device = {"advertisingId": ZEROS, "idfv": ZEROS}
    found = made(but(ORDER, userId=word, context__device=device))
    event = found.bodies[0]["events"][0]
    assert (event["device_id"], found.noted) == ("anon-12345", {"user_id"})
    assert not {"user_id", "idfa", "idfv", "adid"} & event.keys()


@pytest.mark.parametrize(
    ("ids", "options"), [(("u-1", "anon-12345"), 3), (("u", None), 1), (("user-1", "anon-1"), None)]
)
def test_short_ids_are_kept(ids: tuple[str, str | None], options: int | None) -> None:
    """Amplitude leaves out ids of less than five characters in silence, unless the request says how short they are."""
    body = made(but(ORDER, userId=ids[0], anonymousId=ids[1])).bodies[0]
    assert body.get("options") == (None if options is None else {"min_id_length": options})
    alias = {"type": "alias", "userId": ids[0], "previousId": "prev-12345"}
    assert made(alias).bodies[0].get("options") == (None if options is None else {"min_id_length": options})


def test_a_minimum_of_the_settings_holds() -> None:
    """Who wants short ids left out says so."""
    assert made(but(ORDER, userId="u"), min_id_length=5).bodies[0]["options"] == {"min_id_length": 5}


WEB = {"page": {"referrer": "https://example.com"}, "campaign": {"name": "spring", "source": "", "term": 7, "x": {}}}
SET = {"referrer": "https://example.com", "utm_campaign": "spring", "utm_term": "7"}
ONCE = {f"initial_{name}": value for name, value in SET.items()}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"plan": "pro"}, {"$set": SET | {"plan": "pro"}, "$setOnce": ONCE}),
        ([], {"$set": SET, "$setOnce": ONCE}),
        ({"plan": "pro", "$add": {"logins": 1}}, {"$add": {"logins": 1}, "$set": SET | {"plan": "pro"}, "$setOnce": ONCE}),
        ({"$set": {"plan": "pro"}}, {"$set": SET | {"plan": "pro"}, "$setOnce": ONCE}),
        ({"$unset": "plan"}, {"$set": SET | {"$unset": "plan"}, "$setOnce": ONCE}),
    ],
)  # fmt: skip
def test_what_is_known_becomes_operations(traits: Any, expected: dict[str, Any]) -> None:
    """Amplitude takes operations or properties, and never both: beside a campaign, traits are set."""
    event = {"type": "identify", "userId": "user-1", "messageId": "m", "traits": traits, "context": WEB}
    assert first(event)["user_properties"] == expected


def test_traits_alone_stay_as_they_are() -> None:
    """Without a campaign or a referrer there is no need of operations."""
    event = {"type": "identify", "userId": "user-1", "messageId": "m", "traits": {"phone": 12055550123, "email": ""}}
    assert first(event)["user_properties"] == {"phone": 12055550123, "email": ""}


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"userId": ""}, set()),
        ({"userId": 12345.0}, set()),
        ({"userId": {"id": 1}}, {"user_id"}),
        ({"properties": []}, set()),
        ({"context": []}, set()),
        ({"timestamp": "yesterday"}, {"time"}),
        ({"integrations": []}, set()),
        ({"properties__products": [None, {"sku": "s"}]}, {"products.0"}),
        ({"properties__products": [{"sku": "s", "price": " ", "position": "first"}]}, {"products.0.position"}),
        ({"properties__revenue": ""}, set()),
        ({"context__campaign": "spring"}, {"campaign"}),
        ({"context__location": {"latitude": "north"}}, {"location_lat"}),
        ({"context__locale": {"x": 1}}, {"language"}),
        ({"context__userAgent": []}, {"os_name", "os_version", "device_manufacturer", "device_model"}),
    ],
)
def test_what_is_odd_costs_its_field(changes: dict[str, Any], noted: set[str]) -> None:
    """The order goes out, and a note tells of what was left out."""
    found = made(but(ORDER, **changes))
    assert (found.reasons, found.noted) == ([], noted)
    products = found.bodies[0]["events"][1:]
    assert [event["event_type"] for event in products] == ["Product Purchased"] * ("properties" not in changes)


@pytest.mark.parametrize("amount", ["$42", "1,299.00", "NaN", {"x": 1}])
def test_an_amount_that_is_none_is_no_guess(amount: Any) -> None:
    """What an order is worth is exact, or the order is rejected."""
    assert len(made(but(ORDER, properties__revenue=amount)).reasons) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"revenue": "42.00"}, (42.0, "Purchase")), ({"total": 30}, (30, "Purchase")), ({}, (None, None))],
)
def test_a_kind_of_revenue_stands_beside_revenue(given: dict[str, Any], expected: tuple[Any, Any]) -> None:
    """Amplitude takes no kind of what is not there."""
    event = first(but(ORDER, properties=given))
    assert (event.get("revenue"), event.get("revenueType")) == expected


def test_a_group_is_joined_by_the_device() -> None:
    """The device's id is the same in a group call as in any other."""
    event = {"type": "group", "groupId": 7, "anonymousId": "anon-1", "messageId": "m", "context": PHONE, "traits": []}
    assert first(event)["device_id"] == "B5372DB0"


def test_an_alias_without_a_user_is_none() -> None:
    """Nothing is mapped to nobody."""
    assert len(made({"type": "alias", "userId": " ", "previousId": "prev-12345"}).reasons) == 1
    assert made({"type": "alias", "userId": "user-1", "anonymousId": "anon-12345"}).bodies[0]["mapping"] == [
        {"user_id": "anon-12345", "global_user_id": "user-1"}
    ]
