"""HubSpot: update or create, search or create, ties, and what is read in answers."""

from __future__ import annotations

from actions_engine_hubspot import hubspot
from tests.plugins.steps import answer, run

SETTINGS = {"access_token": "pat-secret"}
CONTACT = {"email": "grace+1@example.com", "firstname": "Grace", "properties": {"plan": "premium"}}
COMPANY = {"group_id": "acme", "name": "Acme", "contact_email": "grace@example.com"}


def test_a_known_contact_is_updated_by_one_request() -> None:
    """A contact that exists is patched by its address, quoted as a part of a path."""
    requests, outcomes = run(hubspot, "upsert_contact", SETTINGS, [CONTACT], [answer(200, {"id": "1"})])
    assert [request.full_url() for request in requests] == [
        "https://api.hubapi.com/crm/v3/objects/contacts/grace%2B1@example.com?idProperty=email"
    ]
    assert requests[0].json == {"properties": {"email": "grace+1@example.com", "firstname": "Grace", "plan": "premium"}}
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_an_unknown_contact_is_made() -> None:
    """A 404 to the update is answered by a creation with the same properties."""
    requests, outcomes = run(hubspot, "upsert_contact", SETTINGS, [CONTACT], [answer(404), answer(201, {"id": "1"})])
    assert [request.method for request in requests] == ["PATCH", "POST"]
    assert requests[0].json == requests[1].json
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_creation_that_came_second_is_tried_again() -> None:
    """A 409 means that another call made the contact in between: the next try updates it."""
    _, outcomes = run(hubspot, "upsert_contact", SETTINGS, [CONTACT], [answer(404), answer(409)])
    assert [outcome.kind for outcome in outcomes] == ["retry"]


def test_a_company_is_searched_for_updated_and_tied() -> None:
    """A company that is found is patched by its id, and the contact tied to it."""
    answers = [
        answer(200, {"results": [{"id": "77"}]}),
        answer(200, {"id": "77"}),
        answer(200, {"id": "5"}),
        answer(200),
    ]
    requests, outcomes = run(hubspot, "upsert_company", SETTINGS, [COMPANY], answers)
    assert [(request.method, str(request.url).removeprefix("https://api.hubapi.com")) for request in requests] == [
        ("POST", "/crm/v3/objects/companies/search"),
        ("PATCH", "/crm/v3/objects/companies/77"),
        ("GET", "/crm/v3/objects/contacts/grace@example.com"),
        ("PUT", "/crm/v4/objects/companies/77/associations/default/contacts/5"),
    ]
    assert requests[1].json == {"properties": {"name": "Acme", "segment_group_id": "acme"}}
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_company_that_is_not_found_is_made() -> None:
    """No search result leads to a creation; without a contact nothing is tied."""
    payload = {"group_id": "acme"}
    answers = [answer(200, {"results": []}), answer(201, {"id": "78"})]
    requests, outcomes = run(hubspot, "upsert_company", SETTINGS, [payload], answers)
    assert [request.method for request in requests] == ["POST", "POST"]
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_contact_that_hubspot_does_not_know_yet_is_waited_for() -> None:
    """A tie to a contact that is not there yet is tried again later, as its own call may be on its way."""
    answers = [answer(200, {"results": []}), answer(201, {"id": "78"}), answer(404)]
    _, outcomes = run(hubspot, "upsert_company", SETTINGS, [COMPANY], answers)
    assert [outcome.kind for outcome in outcomes] == ["retry"]


def test_an_event_carries_its_key() -> None:
    """The idempotency key is the event's uuid, by which HubSpot deduplicates."""
    payload = {"event_name": "pe1_clicked", "email": "a@b.c"}
    requests, _ = run(hubspot, "custom_behavioral_event", SETTINGS, [payload])
    assert requests[0].json == {"eventName": "pe1_clicked", "email": "a@b.c", "uuid": "key-1"}
