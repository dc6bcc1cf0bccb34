"""PostHog: what of an event reaches it, and that nothing odd in an event loses the event or joins people."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine_posthog import posthog
from tests.plugins.by_presets import ORDER, Made, but, made_of

SETTINGS = {"api_key": "phc_12345"}
CONTEXT = {
    "app": {"name": "Shop", "version": 1.2, "build": "345", "namespace": "com.example.shop"},
    "device": {"manufacturer": "Apple", "model": "iPhone7,2", "name": "maguro", "type": "ios"},
    "network": {"bluetooth": False, "carrier": "T-Mobile US", "cellular": True, "wifi": "false"},
    "os": {"name": "iPhone OS", "version": "8.1.3"},
    "screen": {"width": 320.5, "height": "568", "density": 2},
    "locale": "en-US",
    "timezone": "Europe/Vienna",
    "userAgent": "Shop/1.2",
    "page": {"referrer": "https://example.com"},
    "campaign": {"name": "spring", "source": "mail", "medium": "", "term": 7},
}


def made(event: dict[str, Any]) -> Made:
    return made_of(posthog, SETTINGS, event)


def properties(event: dict[str, Any]) -> dict[str, Any]:
    found = made(event)
    assert found.reasons == []
    own: dict[str, Any] = found.bodies[0]["batch"][0]["properties"]
    return own


def test_the_context_is_passed_on() -> None:
    """App, device, network, screen and campaign have the names of PostHog's own libraries."""
    assert properties(but(ORDER, context=CONTEXT, properties={"plan": "pro"})) == {
        "$app_name": "Shop", "$app_version": "1.2", "$app_build": "345", "$app_namespace": "com.example.shop",
        "$device_manufacturer": "Apple", "$device_model": "iPhone7,2", "$device_name": "maguro", "$device_type": "ios",
        "$os_name": "iPhone OS", "$os_version": "8.1.3", "$network_carrier": "T-Mobile US", "$network_wifi": False,
        "$network_cellular": True, "$network_bluetooth": False, "$screen_width": 320.5, "$screen_height": 568,
        "$screen_density": 2, "$locale": "en-US", "$timezone": "Europe/Vienna", "$raw_user_agent": "Shop/1.2",
        "$referrer": "https://example.com", "utm_campaign": "spring", "utm_source": "mail", "utm_term": "7",
        "distinct_id": "user-12345", "$process_person_profile": False, "plan": "pro",
    }  # fmt: skip


def test_an_events_own_properties_win_but_for_its_person() -> None:
    """What the event says of its place is better known; whose it is, no property says."""
    event = but(
        ORDER, context=CONTEXT, properties={"$locale": "de", "distinct_id": "zzz", "$process_person_profile": 1}
    )
    found = made(event)
    own = found.bodies[0]["batch"][0]["properties"]
    assert (own["$locale"], own["distinct_id"], own["$process_person_profile"]) == ("de", "user-12345", False)
    assert found.noted == {"properties"}


@pytest.mark.parametrize("word", ["null", "undefined", "None", "anonymous", "[object Object]", 0, "'guest'", "NaN"])
@pytest.mark.parametrize("kind", ["track", "identify", "group"])
def test_a_word_for_no_id_is_none(word: Any, kind: str) -> None:
    """The visitor's id serves where the user's is a program's word for nothing."""
    found = made(but(ORDER, userId=word, type=kind, groupId="g-1"))
    assert found.bodies[0]["batch"][0]["properties"]["distinct_id"] == "anon-12345"
    assert found.noted == {"distinct_id"}


@pytest.mark.parametrize("changes", [{"previousId": "null"}, {"userId": "undefined", "previousId": "prev-12345"}])
def test_nobody_is_joined_by_a_word_for_no_id(changes: dict[str, Any]) -> None:
    """PostHog answers such an alias with success, and joins nobody."""
    assert len(made({"type": "alias", "userId": "user-1"} | changes).reasons) == 1


def test_an_alias_takes_the_visitors_id() -> None:
    """Libraries that know no earlier id leave it out."""
    assert properties({"type": "alias", "userId": "user-1", "anonymousId": "anon-1"})["alias"] == "anon-1"


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"userId": ""}, set()),
        ({"userId": 12345.0}, set()),
        ({"userId": {"id": 1}}, {"distinct_id"}),
        ({"properties": []}, set()),
        ({"context": []}, set()),
        ({"timestamp": "yesterday"}, {"timestamp"}),
        ({"timestamp": 1767607200}, set()),
        ({"properties__products": [None]}, set()),
        ({"context__userAgent": {"browser": "x"}}, {"raw_user_agent"}),
        ({"context__screen": {"width": "wide"}}, {"screen_width"}),
        ({"context__campaign": {"name": 2026, "medium": {}}}, {"utm_medium"}),
        ({"context__network": {"wifi": "perhaps"}}, {"network_wifi"}),
        ({"type": "identify", "traits": []}, set()),
        ({"type": "group", "groupId": 7, "traits": []}, set()),
        ({"type": "screen", "name": ""}, set()),
    ],
)
def test_what_is_odd_costs_its_field(changes: dict[str, Any], noted: set[str]) -> None:
    """The event goes out, and a note tells of what was left out."""
    found = made(but(ORDER, **changes))
    assert (found.reasons, found.noted, len(found.bodies)) == ([], noted, 1)
