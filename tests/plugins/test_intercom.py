"""Intercom: search then update or create, companies, money."""

from __future__ import annotations

import pytest

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
