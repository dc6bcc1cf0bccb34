"""Vendors that name the records at fault: each call gets its own outcome, whatever records it made."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine_amplitude import amplitude
from actions_engine_braze import braze
from actions_engine_customerio import customerio
from actions_engine_mixpanel import mixpanel
from actions_engine_posthog import posthog
from actions_engine_slack import slack
from tests.plugins.steps import answer, run

AT = "2026-03-02T10:00:00Z"
TWO = [{"sku": "a", "price": 1, "quantity": 1}, {"sku": "b"}]


def kinds(outcomes: list[Any]) -> list[str]:
    return [outcome.kind for outcome in outcomes]


def test_braze_splits_by_records() -> None:
    """Orders of many products take several requests of 75 records; a record at fault rejects its order alone."""
    orders = [{"external_id": f"u{number}", "time": AT, "products": [{"sku": "x"}] * 50} for number in range(3)]
    bad = {"message": "no", "errors": [{"type": "bad price", "input_array": "purchases", "index": 5}]}
    requests, outcomes = run(braze, "track_purchase", {"api_key": "k"}, orders, [answer(201), answer(201, bad)])
    assert [len(request.json["purchases"]) for request in requests] == [75, 75]
    # Record 80 is the second order's.
    assert kinds(outcomes) == ["delivered", "rejected", "delivered"]


def test_braze_sends_the_innocent_again() -> None:
    """Of a request that is refused as a whole, the record at fault is rejected and the others tried again."""
    events = [{"external_id": "u", "name": "A", "time": AT}] * 2
    bad = {"errors": [{"type": "bad name", "input_array": "events", "index": 1}]}
    _, outcomes = run(braze, "track_event", {"api_key": "k"}, events, [answer(400, bad)])
    assert kinds(outcomes) == ["retry", "rejected"]


def test_mixpanel_counts_products_as_records() -> None:
    """A failed record of a product rejects its order; orders without one are delivered."""
    orders = [{"event": "Order Completed", "time": AT, "distinct_id": "u", "products": TWO}] * 2
    failed = {"code": 400, "failed_records": [{"index": 4, "field": "properties.time", "message": "too old"}]}
    requests, outcomes = run(mixpanel, "track_purchase", {"project_token": "t"}, orders, [answer(400, failed)])
    assert len(requests[0].json) == 6
    assert [item["properties"]["$insert_id"] for item in requests[0].json[:3]] == ["key-1", "key-1-1", "key-1-2"]
    assert kinds(outcomes) == ["delivered", "rejected"]
    assert outcomes[1].reason == (
        "Mixpanel says product 1: properties.time: too old; the rest of the order was imported"
    )


def test_mixpanel_refuses_with_a_zero() -> None:
    """The profile endpoints answer 200 and 0 where they refuse; a join that is refused sends no profile."""
    payload = {"user_id": "u", "anonymous_id": "a", "traits": {"plan": "pro"}}
    requests, outcomes = run(mixpanel, "identify", {"project_token": "t"}, [payload], [answer(200, 0)])
    assert (len(requests), kinds(outcomes)) == (1, ["rejected"])


def test_amplitude_names_events_by_index() -> None:
    """A 400 names the events at fault; the other calls of the request are tried again at once."""
    events = [{"user_id": "user-1", "event_type": "A"}, {"user_id": "user-2", "event_type": "A"}]
    bad = {"code": 400, "events_with_invalid_fields": {"time": [0]}}
    _, outcomes = run(amplitude, "log_event", {"api_key": "k"}, events, [answer(400, bad)])
    assert kinds(outcomes) == ["rejected", "retry"]
    assert outcomes[1].retry_after == 0


ORDERS = [{"user_id": "user-1", "event_type": "A", "products": TWO}, {"user_id": "user-2", "event_type": "A"}]
BAD_LINE = answer(400, {"code": 400, "events_with_invalid_fields": {"time": [2]}})


def test_amplitude_takes_an_order_without_the_line_at_fault() -> None:
    """A 400 takes nothing: the others are sent again without the product at fault, which is told."""
    requests, outcomes = run(amplitude, "log_purchase", {"api_key": "k"}, ORDERS, [BAD_LINE, answer(200)])
    ids = [[event["insert_id"] for event in request.json["events"]] for request in requests]
    assert ids == [["key-1", "key-1:1", "key-1:2", "key-2"], ["key-1", "key-1:1", "key-2"]]
    assert kinds(outcomes) == ["rejected", "delivered"]
    assert outcomes[0].reason == (
        "Amplitude says product 2: events with invalid fields: time; the rest of the order was taken"
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([BAD_LINE, answer(503)], ["retry", "retry"]),
        ([BAD_LINE, answer(400)], ["rejected", "retry"]),
        ([BAD_LINE] * 2 + [answer(400, {"events_with_missing_fields": {"x": [0, 1]}})], ["rejected", "rejected"]),
        ([answer(400)], ["rejected", "rejected"]),
        ([answer(429)], ["retry", "retry"]),
    ],
)
def test_amplitude_loses_no_order_beside_a_line_at_fault(answers: list[Any], expected: list[str]) -> None:
    """What is not named is sent again where it was not taken, and a failure of the whole is everybody's."""
    _, outcomes = run(amplitude, "log_purchase", {"api_key": "k"}, ORDERS, answers)
    assert kinds(outcomes) == expected


def test_amplitude_describes_a_group_whose_user_it_refuses() -> None:
    """Two requests for one call: the second is sent though the first was refused, and the refusal told."""
    group = {"user_id": "user-1", "group_type": "company", "group_value": "acme", "group_properties": {"a": 1}}
    requests, outcomes = run(amplitude, "group_identify", {"api_key": "k"}, [group], [answer(400), answer(200)])
    assert [request.url.rpartition("/")[2] for request in requests] == ["identify", "groupidentify"]
    assert kinds(outcomes) == ["rejected"]
    assert outcomes[0].reason == "Amplitude knows the group, but refused to put the user into it: HTTP 400"
    _, outcomes = run(amplitude, "group_identify", {"api_key": "k"}, [group], [answer(503)])
    assert kinds(outcomes) == ["retry"]


PURCHASES = [{"external_id": f"u{number}", "time": AT, "products": TWO} for number in range(2)]
BAD_PURCHASE = answer(400, {"errors": [{"type": "bad price", "input_array": "purchases", "index": 1}]})


def test_braze_takes_an_order_without_the_purchase_at_fault() -> None:
    """A 400 takes nothing: the others are sent again without the product at fault, which is told."""
    requests, outcomes = run(braze, "track_purchase", {"api_key": "k"}, PURCHASES, [BAD_PURCHASE, answer(201)])
    assert [[item["product_id"] for item in request.json["purchases"]] for request in requests] == [
        ["a", "b", "a", "b"], ["a", "a", "b"],
    ]  # fmt: skip
    assert kinds(outcomes) == ["rejected", "delivered"]
    assert outcomes[0].reason == "Braze says product 2: bad price; its other products were taken"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([BAD_PURCHASE, answer(503)], ["retry", "retry"]),
        ([BAD_PURCHASE, answer(400)], ["rejected", "retry"]),
        ([answer(400)], ["rejected", "rejected"]),
        ([answer(401)], ["paused", "paused"]),
    ],
)
def test_braze_loses_no_order_beside_a_purchase_at_fault(answers: list[Any], expected: list[str]) -> None:
    """What is not named is sent again where it was not taken, and a failure of the whole is everybody's."""
    _, outcomes = run(braze, "track_purchase", {"api_key": "k"}, PURCHASES, answers)
    assert kinds(outcomes) == expected


def test_customerio_reads_a_207() -> None:
    """Each error of a 207 names its operation; ids are told apart by their form."""
    people = [{"person_id": "cio_5"}, {"person_id": "a@b.cd"}, {"person_id": "42"}, {"anonymous_id": "v"}]
    bad = {"errors": [{"batch_index": 1, "reason": "invalid", "field": "email"}]}
    settings = {"site_id": "s", "api_key": "k"}
    requests, outcomes = run(customerio, "delete_person", settings, people, [answer(207, bad)])
    assert [item["identifiers"] for item in requests[0].json["batch"]] == [
        {"cio_id": "5"}, {"email": "a@b.cd"}, {"id": "42"}, {"anonymous_id": "v"},
    ]  # fmt: skip
    assert kinds(outcomes) == ["delivered", "rejected", "delivered", "delivered"]


def test_posthog_events_carry_their_keys() -> None:
    """Every kind of event is an item of the batch with its own uuid."""
    requests, _ = run(posthog, "alias", {"api_key": "k"}, [{"distinct_id": "u", "alias": "a"}] * 2)
    assert [item["uuid"] for item in requests[0].json["batch"]] == ["key-1", "key-2"]


def test_slack_says_no_with_a_200() -> None:
    """`ok: false` decides: a wrong channel rejects, a bad token pauses, an error of Slack's own is tried again."""
    settings, payload = {"bot_token": "xoxb"}, {"channel": "#x", "text": "hi"}
    for error, kind in (("channel_not_found", "rejected"), ("invalid_auth", "paused"), ("internal_error", "retry")):
        body = {"ok": False, "error": error}
        _, outcomes = run(slack, "post_message", settings, [payload], [answer(200, body)])
        assert kinds(outcomes) == [kind]
