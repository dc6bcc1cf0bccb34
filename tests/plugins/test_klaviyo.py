"""Klaviyo: create-or-update, lists, an order and its products, consent."""

from __future__ import annotations

from pathlib import Path

from actions_engine import Delivery, Engine
from actions_engine.testing import Answer, Vendor
from actions_engine_klaviyo import klaviyo
from tests.plugins.steps import answer, run

SETTINGS = {"api_key": "pk_secret"}
BASE = "https://a.klaviyo.com/api"


def test_a_profile_is_put_on_its_list_by_id() -> None:
    """The answer to the upsert names the profile that the list is given."""
    payload = {"email": "a@b.c", "list_id": "L/1"}
    requests, outcomes = run(
        klaviyo, "upsert_profile", SETTINGS, [payload], [answer(200, {"data": {"id": "P1"}}), answer(204)]
    )
    assert "list_id" not in requests[0].json["data"]["attributes"]
    assert requests[1].url == f"{BASE}/lists/L%2F1/relationships/profiles/"
    assert requests[1].json == {"data": [{"type": "profile", "id": "P1"}]}
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_profile_without_a_list_is_one_request() -> None:
    """No list, no second request; an answer without an id does not matter then."""
    requests, outcomes = run(klaviyo, "upsert_profile", SETTINGS, [{"email": "a@b.c"}], [answer(201)])
    assert (len(requests), outcomes[0].kind) == (1, "delivered")


def test_an_order_is_followed_by_its_products_with_ids_of_their_own() -> None:
    """Each product becomes an event whose unique id follows from the order's, so that a retry counts nothing twice."""
    payload = {
        "email": "a@b.c",
        "unique_id": "m1",
        "properties": {"order_id": "o1"},
        "products": [{"sku": "s1", "price": 19}, {"sku": "s2"}],
    }
    requests, outcomes = run(klaviyo, "order_completed", SETTINGS, [payload], [answer(202)] * 3)
    attributes = [request.json["data"]["attributes"] for request in requests]
    assert [item["unique_id"] for item in attributes] == ["m1", "m1:1", "m1:2"]
    assert [item["metric"]["data"]["attributes"]["name"] for item in attributes] == [
        "Order Completed", "Ordered Product", "Ordered Product",
    ]  # fmt: skip
    assert attributes[1]["properties"] == {"order_id": "o1", "sku": "s1", "price": 19}
    assert attributes[1]["value"] == 19
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_an_order_that_is_refused_sends_no_products() -> None:
    """The first refusal ends the order and is its outcome."""
    payload = {"email": "a@b.c", "products": [{"sku": "s1"}]}
    requests, outcomes = run(klaviyo, "order_completed", SETTINGS, [payload], [answer(400)])
    assert (len(requests), outcomes[0].kind) == (1, "rejected")


def test_a_product_that_is_refused_keeps_no_other_from_being_sent() -> None:
    """Order and lines are all sent; the refusal tells which product, and what Klaviyo says of it."""
    payload = {"email": "a@b.c", "products": [{"sku": f"s{number}"} for number in range(4)]}
    no = answer(400, {"errors": [{"detail": "The price is none."}]})
    answers = [answer(202), answer(202), no, answer(202), answer(422)]
    requests, outcomes = run(klaviyo, "order_completed", SETTINGS, [payload], answers)
    assert len(requests) == 5
    assert outcomes[0].kind == "rejected"
    assert outcomes[0].reason == (
        "Klaviyo took the order, but refused product 2 (HTTP 400: The price is none.), product 4 (HTTP 422)"
    )


def test_a_product_that_has_to_wait_sends_the_order_again() -> None:
    """A failure that passes goes before a refusal, which the next try meets again; ids keep it from counting twice."""
    payload = {"email": "a@b.c", "products": [{"sku": "s1"}, {"sku": "s2"}]}
    _, outcomes = run(klaviyo, "order_completed", SETTINGS, [payload], [answer(202), answer(400), answer(429)])
    assert [outcome.kind for outcome in outcomes] == ["retry"]


def test_a_large_order_is_sent_whole(tmp_path: Path) -> None:
    """An order of 120 products is 121 requests of one attempt."""
    products = [{"product_id": str(number)} for number in range(120)]
    event = {"type": "track", "event": "Order Completed", "userId": "u", "properties": {"products": products}}
    with Vendor([Answer(202)]) as vendor:
        (tmp_path / "k.yaml").write_text(
            f"destination: klaviyo\nsettings: {{api_key: key-12345, endpoint: '{vendor.url}'}}\n"
            "presets: [Orders completed]\n"
        )
        engine = Engine.load(tmp_path / "k.yaml", environ={})
        with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
            delivery.accept([event])
            delivery.drain(20)
            (row,) = delivery.ledger()
    assert (row.delivered, len(vendor.received)) == (1, 121)


def test_a_consent_of_before_travels_apart() -> None:
    """A new subscriber rides in no historical import, which would keep the opt-in mail from being sent."""
    policy = klaviyo.actions["subscribe_profile"].batch
    model = klaviyo.actions["subscribe_profile"].payload
    new, old = {"email": "a@b.c"}, {"email": "a@b.c", "consented_at": "2020-01-01T00:00:00Z"}
    assert policy is not None
    assert policy.key(model.model_validate(new)) != policy.key(model.model_validate(old))
    requests, _ = run(klaviyo, "subscribe_profile", SETTINGS, [old])
    assert requests[0].json["data"]["attributes"]["historical_import"] is True


def test_a_person_that_klaviyo_does_not_know_is_on_no_list() -> None:
    """Nothing is removed where the search finds nobody; the filter quotes the value."""
    payload = {"email": 'a"b@c.d', "list_id": "L1"}
    requests, outcomes = run(klaviyo, "remove_profile_from_list", SETTINGS, [payload], [answer(200, {"data": []})])
    assert requests[0].params["filter"] == 'equals(email,"a\\"b@c.d")'
    assert (len(requests), outcomes[0].kind) == (1, "delivered")


def test_subscriptions_name_the_channels_given() -> None:
    """Each channel with an address is subscribed; a list is a relationship of the job."""
    payloads = [{"email": "a@b.c", "list_id": "L1"}, {"phone_number": "+12055550199", "list_id": "L1"}]
    requests, _ = run(klaviyo, "subscribe_profile", SETTINGS, payloads)
    data = requests[0].json["data"]
    profiles = [item["attributes"] for item in data["attributes"]["profiles"]["data"]]
    assert [sorted(profile["subscriptions"]) for profile in profiles] == [["email"], ["sms"]]
    assert data["relationships"]["list"]["data"]["id"] == "L1"
    assert "historical_import" not in data["attributes"]
