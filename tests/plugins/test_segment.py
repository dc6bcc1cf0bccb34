"""Segment: calls pass through, and nothing odd in one loses it."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine_segment import segment
from tests.plugins.by_presets import ORDER, but, made_of

SETTINGS = {"write_key": "key-12345"}
KINDS = ("track", "identify", "page", "screen", "group", "alias")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"context": []}, set()),
        ({"context": "app"}, {"context"}),
        ({"integrations": []}, set()),
        ({"integrations": True}, {"integrations"}),
        ({"timestamp": "yesterday"}, {"timestamp"}),
        ({"timestamp": ""}, set()),
    ],
)
def test_what_is_odd_costs_its_field(kind: str, changes: dict[str, Any], noted: set[str]) -> None:
    """Each kind of call goes out, and a note tells of what was left out."""
    found = made_of(segment, SETTINGS, but(ORDER, type=kind, groupId=7, previousId="prev", traits=[], **changes))
    assert (found.reasons, found.noted, len(found.bodies)) == ([], noted, 1)
    assert not noted & found.bodies[0]["batch"][0].keys()


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00.000Z"),
        ("2026-01-05 11:00:00+01:00", "2026-01-05T10:00:00.000Z"),
        ("1767607200000", "2026-01-05T10:00:00.000Z"),
        (1767607200, "2026-01-05T10:00:00.000Z"),
        ("Mon, 05 Jan 2026 10:00:00 GMT", "2026-01-05T10:00:00.000Z"),
    ],
)
def test_moments_are_iso_8601(given: Any, moment: str) -> None:
    """Segment takes no other writing of a moment."""
    (body,) = made_of(segment, SETTINGS, but(ORDER, timestamp=given)).bodies
    assert body["batch"][0]["timestamp"] == moment


def test_an_alias_takes_the_visitors_id() -> None:
    """Libraries that know no earlier id leave it out."""
    (body,) = made_of(segment, SETTINGS, {"type": "alias", "userId": "user-1", "anonymousId": "anon-1"}).bodies
    assert body["batch"][0]["previousId"] == "anon-1"


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_blank_ids_are_none(blank: Any) -> None:
    """A blank user is no user: the visitor alone is known."""
    (body,) = made_of(segment, SETTINGS, but(ORDER, userId=blank)).bodies
    item = body["batch"][0]
    assert ("userId" in item, item["anonymousId"], item["properties"]) == (False, "anon-12345", ORDER["properties"])
    assert made_of(segment, SETTINGS, but(ORDER, userId=blank, anonymousId=blank)).bodies == []
