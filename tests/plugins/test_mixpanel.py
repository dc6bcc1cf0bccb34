"""Mixpanel: what of an event reaches it, and that nothing odd in an event loses the event or another's identity."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from actions_engine_mixpanel import API_SECRET_ENDS, MixpanelSettings, mixpanel
from actions_engine_mixpanel_browsers import browser_of
from tests.plugins.by_presets import ORDER, as_data, but, made_of
from tests.plugins.steps import answer, run

SETTINGS = {"project_token": "token-1"}
AT = 1767607200000
PHONE = {
    "app": {"name": "Shop", "version": "1.2", "build": 345, "namespace": "com.example.shop"},
    "device": {
        "id": "B5372DB0", "advertisingId": "7A3CBEA0", "adTrackingEnabled": True, "manufacturer": "Apple",
        "model": "iPhone7,2", "name": "maguro", "type": "ios",
    },
    "library": {"name": "analytics-ios", "version": "4.1"},
    "network": {"bluetooth": False, "carrier": "T-Mobile US", "cellular": True, "wifi": "false"},
    "os": {"name": "iPhone OS", "version": "8.1.3"},
    "screen": {"width": 320.5, "height": "568", "density": 2},
    "location": {"country": "US", "region": "CA", "city": "Berkeley"},
    "groupId": "acme",
    "userAgentData": {"mobile": True, "platform": "iOS", "brands": []},
}  # fmt: skip


def sent(event: dict[str, Any], **settings: Any) -> list[Any]:
    made = made_of(mixpanel, SETTINGS | settings, event)
    assert made.reasons == []
    (body,) = made.bodies
    assert isinstance(body, list)
    return body


def properties(event: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = sent(event)[0]["properties"]
    return own


def test_a_phones_context_stands_under_mixpanels_names() -> None:
    """App, device, network, screen, place and group are passed on, for the order and each of its products."""
    expected = {
        "$app_name": "Shop", "$app_version_string": "1.2", "$app_build_number": "345",
        "$app_namespace": "com.example.shop", "$manufacturer": "Apple", "$model": "iPhone7,2", "$device": "maguro",
        "$device_name": "maguro", "$device_type": "ios", "$ios_ifa": "7A3CBEA0", "advertising_id": "7A3CBEA0",
        "ad_tracking_enabled": True, "$bluetooth_enabled": False, "$carrier": "T-Mobile US", "$cellular_enabled": True,
        "$wifi_enabled": False, "$os": "iPhone OS", "$os_version": "8.1.3", "$screen_width": 320.5,
        "$screen_height": 568, "$screen_density": 2, "mp_country_code": "US", "$region": "CA", "$city": "Berkeley",
        "$group_id": "acme", "$mobile": True, "$platform": "iOS", "mp_lib": "analytics-ios", "$lib_version": "4.1",
    }  # fmt: skip
    for item in sent(but(ORDER, context=PHONE)):
        assert {name: item["properties"].get(name) for name in expected} == expected


def test_an_advertising_id_of_zeros_is_none() -> None:
    """Where people do not want to be followed, all devices have one advertising id."""
    event = but(ORDER, context__device={"advertisingId": "00000000-0000-0000-0000-000000000000"})
    assert not {"$ios_ifa", "advertising_id"} & properties(event).keys()


CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.57"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"


@pytest.mark.parametrize(
    ("header", "browser", "version"),
    [
        (f"{WINDOWS} {CHROME} Safari/537.36 Edg/126.0.2592.68", "Microsoft Edge", "126.0.2592.68"),
        (f"{WINDOWS} {CHROME} Safari/537.36 OPR/111.0.0.0", "Opera", "111.0.0.0"),
        (f"{WINDOWS} {CHROME} Safari/537.36", "Chrome", "126.0.6478.57"),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36", "Chrome", "126.0.6478.57"),
        (f"Mozilla/5.0 (Linux; Android 14) SamsungBrowser/25.0 {CHROME} Safari/537.36", "Samsung Internet", "25.0"),
        (f"{IPHONE} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", "Chrome iOS", "126.0.6478.54"),
        (f"{IPHONE} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "Firefox iOS", "127.0"),
        (f"{IPHONE} Version/17.0 Mobile/15E148 Safari/604.1", "Mobile Safari", "17.0"),
        (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/420.0.0.1]", "Facebook Mobile", "420.0.0.1"),
        # An app that shows a page of its own.
        (f"{IPHONE} Mobile/15E148", "Mozilla", None),
        ("Shop/1.2 CFNetwork/1408.0.4 Darwin/22.5.0", None, None),
        ("Dalvik/2.1.0 (Linux; U; Android 12; Pixel)", "Android Mobile", None),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox", "127.0"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15", "Safari", "17.4"),
        (f"{WINDOWS} Trident/7.0; rv:11.0) like Gecko", "Internet Explorer", "11.0"),
        ("Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ Version/10.0.9 Mobile Safari/537.10+", "BlackBerry", None),
    ],
)  # fmt: skip
def test_browsers_have_mixpanels_own_names(header: str, browser: str | None, version: str | None) -> None:
    """One browser is one value in reports, whichever library sent the event."""
    told = browser_of(header)
    assert (told.get("browser"), told.get("browser_version")) == (browser, version)
    own = properties(but(ORDER, context__userAgent=header))
    assert (own.get("$browser"), own.get("$browser_version")) == (browser, version)


@pytest.mark.parametrize(
    "message_id",
    ["ajs-next-1715000000000-11111111-2222-4333-8444-555555555555", "m_1", "a b", "null", "undefined", "x" * 36, "é"],
)
def test_every_insert_id_is_one_that_mixpanel_takes(message_id: str) -> None:
    """36 letters, digits and hyphens, the same for the same message and another for each product."""
    two = [{"product_id": "p1"}, {"product_id": "p2"}]
    event = but(ORDER, messageId=message_id, properties__products=two)
    ids = [item["properties"]["$insert_id"] for item in sent(event)]
    assert all(re.fullmatch("[A-Za-z0-9-]{1,36}", text) and text not in ("null", "undefined") for text in ids)
    assert len(set(ids)) == 3
    assert ids == [item["properties"]["$insert_id"] for item in sent(event)]
    if message_id == "x" * 36:
        assert ids[0] == message_id


RESERVED = {
    "time": "noon", "distinct_id": "zzz", "token": "t", "$insert_id": "i", "$user_id": "x", "$device_id": "d",
    "$identified_id": "x", "$anon_id": "d",
}  # fmt: skip


def test_no_property_says_whose_an_event_is() -> None:
    """Properties by reserved names are left out with a note, and those of a product do no more."""
    event = but(ORDER, properties=RESERVED | {"plan": "pro", "products": [RESERVED | {"sku": "s"}]})
    made = made_of(mixpanel, SETTINGS, event)
    assert made.noted == {"properties"}
    own = {"time": AT, "distinct_id": "user-12345", "$user_id": "user-12345", "$device_id": "anon-12345"}
    order, product = (item["properties"] for item in made.bodies[0])
    for item in (order, product):
        assert {name: item.get(name) for name in own} == own
    assert (order["plan"], "token" in order, product["sku"]) == ("pro", False, "s")


@pytest.mark.parametrize("word", ["null", "undefined", "None", "anonymous", "-1", 0, "[]", "unknown"])
def test_a_word_for_no_id_is_none(word: Any) -> None:
    """The visitor's id serves where the user's is a program's word for nothing."""
    made = made_of(mixpanel, SETTINGS, but(ORDER, userId=word))
    own = made.bodies[0][0]["properties"]
    assert (own["distinct_id"], "$user_id" in own, "$identified_id" in own) == ("anon-12345", False, False)
    assert made.noted == {"distinct_id", "user_id"}


@pytest.mark.parametrize(
    "call", [{"type": "alias", "previousId": "null", "anonymousId": ""}, {"type": "group", "groupId": "undefined"}]
)
def test_nobody_is_joined_by_a_word_for_no_id(call: dict[str, Any]) -> None:
    """An alias of `null` would make everybody one person."""
    made = made_of(mixpanel, SETTINGS, ORDER | call)
    assert (made.requests, len(made.reasons)) == ([], 1)


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"userId": ""}, set()),
        ({"userId": 12345.0}, set()),
        ({"userId": {"id": 1}}, {"distinct_id", "user_id"}),
        ({"properties": []}, set()),
        ({"context": []}, set()),
        ({"timestamp": "yesterday", "receivedAt": "2026-01-05T10:00:00Z"}, {"time"}),
        ({"timestamp": "", "originalTimestamp": "2026-01-05T10:00:00Z"}, set()),
        ({"properties__products": [None, {"sku": "s"}]}, {"products.0"}),
        ({"properties__products": [{"sku": "s", "price": " ", "position": "first"}]}, {"products.0.position"}),
        ({"context__userAgent": {"browser": "x"}}, {"user_agent"}),
        ({"context__screen": {"width": "wide"}}, {"screen_width"}),
        ({"context__campaign": {"name": 2026, "medium": {}}}, {"utm_medium"}),
        ({"context__network": {"wifi": "perhaps"}}, {"wifi"}),
    ],
)
def test_what_is_odd_costs_its_field(changes: dict[str, Any], noted: set[str]) -> None:
    """The order goes out, and a note tells of what was left out."""
    made = made_of(mixpanel, SETTINGS, but(ORDER, **changes))
    assert (made.reasons, made.noted) == ([], noted)
    assert made.bodies[0][0]["properties"]["time"] == AT


def test_an_amount_that_is_none_is_no_guess() -> None:
    """A product's price that cannot be read rejects the order."""
    made = made_of(mixpanel, SETTINGS, but(ORDER, properties__products=[{"sku": "s", "price": "$21"}]))
    assert (made.requests, len(made.reasons)) == ([], 1)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"type": "page", "name": "Home"}, "Viewed Home"),
        ({"type": "page", "context": {"page": {"title": "Start"}}}, "Viewed Start"),
        ({"type": "page", "name": "", "properties": {"name": "Start"}}, "Viewed Start"),
        ({"type": "page"}, "Viewed a page"),
        ({"type": "screen"}, "Viewed a screen"),
    ],
)
def test_a_view_without_a_name_has_one(event: dict[str, Any], name: str) -> None:
    """No event is called `Viewed ` and nothing."""
    (item,) = sent({"anonymousId": "a", "timestamp": AT, "messageId": "m"} | event)
    assert item["event"] == name


@pytest.mark.parametrize(
    ("traits", "profile"),
    [
        ({"first_name": "Ada", "lastName": "L"}, {"$first_name": "Ada", "$last_name": "L", "$name": "Ada L"}),
        ({"firstName": "", "first_name": "Ada"}, {"$first_name": "Ada"}),
        ({"createdAt": "2026-01-01", "created": None}, {"$created": "2026-01-01"}),
        ({"email": "", "plan": "pro"}, {"plan": "pro", "$email": ""}),
        ({"name": "A", "firstName": "B", "lastName": "C"}, {"$name": "A", "$first_name": "B", "$last_name": "C"}),
    ],
)
def test_traits_have_mixpanels_names(traits: dict[str, Any], profile: dict[str, Any]) -> None:
    """Each trait has one place in the profile, in whichever spelling it comes."""
    requests, _ = run(mixpanel, "identify", SETTINGS, [{"user_id": "u", "traits": traits}], [answer(200, 1)])
    assert as_data(requests[0])["data"]["$set"] == profile


def test_events_are_imported_as_a_service_account() -> None:
    """The account's name and secret are the credentials, and the project stands in the query."""
    account = {"service_account_username": "importer", "service_account_secret": "s3cret", "project_id": 42}
    (request,) = made_of(mixpanel, SETTINGS | account | {"api_secret": "old"}, ORDER).requests
    assert request.full_url() == "https://api.mixpanel.com/import?strict=1&project_id=42"
    assert request.basic_auth is not None
    assert request.basic_auth[0] == "importer"
    assert "s3cret" not in repr(request)


@pytest.mark.parametrize("part", [{"service_account_username": "importer"}, {"project_id": 42}])
def test_half_a_service_account_is_refused(part: dict[str, Any]) -> None:
    """An account without its project would be refused event by event."""
    with pytest.raises(ValidationError, match="service_account_secret and project_id"):
        MixpanelSettings.model_validate(SETTINGS | part)


def test_the_api_secrets_end_is_told() -> None:
    """Whoever reads of the setting learns until when it serves."""
    described = MixpanelSettings.model_fields["api_secret"].description or ""
    assert f"{API_SECRET_ENDS:%B %Y}" in described
