"""Vendors that name the records at fault: each call gets its own outcome, whatever records it made."""

from __future__ import annotations

from typing import Any

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


def test_mixpanel_refuses_with_a_zero() -> None:
    """The profile endpoints answer 200 and 0 where they refuse; a join that is refused sends no profile."""
    payload = {"user_id": "u", "anonymous_id": "a", "traits": {"plan": "pro"}}
    requests, outcomes = run(mixpanel, "identify", {"project_token": "t"}, [payload], [answer(200, 0)])
    assert (len(requests), kinds(outcomes)) == (1, ["rejected"])


def test_amplitude_names_events_by_index() -> None:
    """A 400 names the events at fault; the other calls of the request are tried again at once."""
    orders = [{"user_id": "user-1", "event_type": "A", "products": TWO}, {"user_id": "user-2", "event_type": "A"}]
    bad = {"code": 400, "events_with_invalid_fields": {"time": [2]}}
    requests, outcomes = run(amplitude, "log_purchase", {"api_key": "k"}, orders, [answer(400, bad)])
    assert [event["insert_id"] for event in requests[0].json["events"]] == ["key-1", "key-1:1", "key-1:2", "key-2"]
    assert kinds(outcomes) == ["rejected", "retry"]
    assert outcomes[1].retry_after == 0


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
