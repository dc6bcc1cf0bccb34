"""Intercom: search then update or create, companies, money."""

from __future__ import annotations

from typing import Any

import pytest

from actions_engine import Response
from actions_engine_intercom import intercom
from tests.plugins.steps import answer, run

SETTINGS = {"access_token": "tok-secret", "region": "eu"}


@pytest.mark.parametrize(
    ("found", "method", "path"), [([{"id": "5/6"}], "PUT", "/contacts/5%2F6"), ([], "POST", "/contacts")]
)
def test_a_contact_is_found_then_updated_or_made(found: list[dict[str, str]], method: str, path: str) -> None:
    """The search decides between an update of the contact found and a new one."""
    answers = [answer(200, {"data": found}), answer(200, {"id": "5"})]
    requests, outcomes = run(intercom, "identify", SETTINGS, [{"email": "a@b.c"}], answers)
    assert requests[0].json == {"query": {"field": "email", "operator": "=", "value": "a@b.c"}}
    assert (requests[1].method, requests[1].url) == (method, f"https://api.eu.intercom.io{path}")
    assert requests[1].json == {"email": "a@b.c", "role": "user"}
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_failed_search_ends_the_call() -> None:
    """Nothing is made while it is not known whether the contact exists."""
    requests, outcomes = run(intercom, "identify", SETTINGS, [{"email": "a@b.c"}], [answer(503)])
    assert (len(requests), outcomes[0].kind) == (1, "retry")


def test_a_company_is_made_and_the_contact_put_into_it() -> None:
    """A company is made without the contact's fields, then the contact is attached by Intercom's ids."""
    payload = {"company_id": "acme", "name": "Acme", "external_id": "user-42"}
    answers = [answer(200, {"data": [{"id": "c1"}]}), answer(200, {"id": "k9"}), answer(200)]
    requests, outcomes = run(intercom, "group", SETTINGS, [payload], answers)
    assert requests[1].json == {"company_id": "acme", "name": "Acme"}
    assert (requests[2].url, requests[2].json) == ("https://api.eu.intercom.io/contacts/c1/companies", {"id": "k9"})
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_revenue_becomes_a_price_in_hundredths() -> None:
    """Money is told as Intercom's metadata wants it, in the currency's smallest unit."""
    payload = {"event_name": "Bought", "created_at": "2026-03-02T10:00:00Z", "user_id": "u", "revenue": 19.99}
    requests, _ = run(intercom, "track", SETTINGS, [payload])
    assert requests[0].json["metadata"] == {"price": {"amount": 1999, "currency": "USD"}}
    assert "revenue" not in requests[0].json


WORDS = "A contact matching those details already exists with id=51"
CONFLICT = answer(409, {"type": "error.list", "errors": [{"code": "conflict", "message": WORDS}]})
NOBODY = answer(200, {"data": []})
PERSON = {"external_id": "u1", "email": "a@b.c"}


@pytest.mark.parametrize("known", [{"id": "51"}, {"id": "51", "external_id": None}, {"id": "51", "external_id": "u1"}])
def test_a_conflict_updates_the_contact_that_it_names(known: dict[str, Any]) -> None:
    """A contact that the search did not find yet, or that has no id of yours, is updated and gets it."""
    answers = [NOBODY, CONFLICT, answer(200, known), answer(200, {"id": "51"})]
    requests, outcomes = run(intercom, "identify", SETTINGS, [PERSON], answers)
    assert [(request.method, request.url.rpartition("intercom.io")[2]) for request in requests[1:]] == [
        ("POST", "/contacts"), ("GET", "/contacts/51"), ("PUT", "/contacts/51"),
    ]  # fmt: skip
    assert requests[3].json == requests[1].json
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_conflict_by_the_address_alone_needs_no_look() -> None:
    """Without an id of yours nothing can be given to somebody else."""
    answers = [NOBODY, CONFLICT, answer(200, {"id": "51"})]
    requests, outcomes = run(intercom, "identify", SETTINGS, [{"email": "a@b.c"}], answers)
    assert [request.method for request in requests] == ["POST", "POST", "PUT"]
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


@pytest.mark.parametrize(
    "answers",
    [
        [NOBODY, CONFLICT, answer(200, {"id": "51", "external_id": "somebody else"})],
        [NOBODY, CONFLICT, answer(404)],
        [NOBODY, CONFLICT, answer(200, {"id": "51"}), answer(404)],
        [NOBODY, CONFLICT, answer(200, {"id": "51"}), CONFLICT],
        [answer(200, {"data": [{"id": "7"}]}), CONFLICT],
    ],
)
def test_a_conflict_that_lasts_ends_with_what_intercom_says(answers: list[Response]) -> None:
    """A contact of another id is not overwritten: the call is rejected, and the words name who is in the way."""
    requests, outcomes = run(intercom, "identify", SETTINGS, [PERSON], answers)
    assert len(requests) == len(answers)
    assert [(outcome.kind, outcome.reason) for outcome in outcomes] == [("rejected", f"Intercom says {WORDS}")]


@pytest.mark.parametrize(("second", "kind"), [(answer(200, {"id": "c1"}), "delivered"), (CONFLICT, "rejected")])
def test_a_company_in_conflict_is_sent_once_more(second: Response, kind: str) -> None:
    """Two calls that made it at once both succeed; a conflict that lasts ends."""
    _, outcomes = run(intercom, "group", SETTINGS, [{"company_id": "acme"}], [CONFLICT, second])
    assert [outcome.kind for outcome in outcomes] == [kind]
