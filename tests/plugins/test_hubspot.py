"""HubSpot: update or create, search or create, ties, and what is read in answers."""

from __future__ import annotations

import pytest

from actions_engine import Response
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


CONFLICT = answer(409, {"message": "Contact already exists. Existing ID: 51", "category": "CONFLICT"})


def test_a_conflict_that_names_the_contact_updates_it() -> None:
    """A contact that has the address as a further one is found by the id in HubSpot's words."""
    answers = [answer(404), CONFLICT, answer(200, {"id": "51"})]
    requests, outcomes = run(hubspot, "upsert_contact", SETTINGS, [CONTACT], answers)
    assert (requests[2].method, requests[2].url) == ("PATCH", "https://api.hubapi.com/crm/v3/objects/contacts/51")
    assert requests[2].json == requests[0].json
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_creation_that_came_second_updates_what_the_first_made() -> None:
    """A 409 without an id means that another call made the contact in between: it is updated by its address."""
    answers = [answer(404), answer(409), answer(200, {"id": "1"})]
    requests, outcomes = run(hubspot, "upsert_contact", SETTINGS, [CONTACT], answers)
    assert [request.method for request in requests] == ["PATCH", "POST", "PATCH"]
    assert requests[2].full_url() == requests[0].full_url()
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([answer(404), CONFLICT, answer(404)], "HubSpot says Contact already exists. Existing ID: 51"),
        ([answer(404), CONFLICT, CONFLICT], "HubSpot says Contact already exists. Existing ID: 51"),
        ([CONFLICT], "HubSpot says Contact already exists. Existing ID: 51"),
        ([answer(404), answer(409), answer(404)], "HTTP 409"),
    ],
)
def test_a_conflict_that_lasts_ends_with_what_hubspot_says(answers: list[Response], reason: str) -> None:
    """It is rejected with the vendor's own words, which name the contact in the way, and not tried for a day."""
    _, outcomes = run(hubspot, "upsert_contact", SETTINGS, [CONTACT], answers)
    assert [(outcome.kind, outcome.reason) for outcome in outcomes] == [("rejected", reason)]


@pytest.mark.parametrize(
    ("conflict", "path"),
    [
        ({"message": "Company already exists. Existing ID: 78"}, "78"),
        ({}, "acme%2F1?idProperty=segment_group_id"),
    ],
)
def test_a_company_that_the_search_does_not_find_yet_is_updated(conflict: dict[str, str], path: str) -> None:
    """A conflict after an empty search is met by the id that HubSpot names, else by your own."""
    answers = [answer(200, {"results": []}), answer(409, conflict), answer(200, {"id": "78"})]
    requests, outcomes = run(hubspot, "upsert_company", SETTINGS, [{"group_id": "acme/1"}], answers)
    assert requests[2].method == "PATCH"
    assert requests[2].full_url() == f"https://api.hubapi.com/crm/v3/objects/companies/{path}"
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_company_in_conflict_for_good_is_rejected() -> None:
    """Where no company is behind the conflict, it ends with what HubSpot says."""
    told = {"message": "segment_group_id is taken by an archived company"}
    answers = [answer(200, {"results": []}), answer(409, told), answer(404)]
    _, outcomes = run(hubspot, "upsert_company", SETTINGS, [{"group_id": "acme"}], answers)
    assert [(outcome.kind, outcome.reason) for outcome in outcomes] == [("rejected", f"HubSpot says {told['message']}")]


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
