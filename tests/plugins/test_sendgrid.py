"""SendGrid: custom fields by name, template mails."""

from __future__ import annotations

from actions_engine_sendgrid import sendgrid
from tests.plugins.steps import answer, run

SETTINGS = {"api_key": "SG.secret", "region": "eu"}


def test_custom_fields_are_written_by_their_ids() -> None:
    """Fields given by name are looked up once for the batch; one that does not exist rejects its own call."""
    payloads = [
        {"email": "a@b.c", "custom_fields": {"plan": "pro", "e1_T": 5}},
        {"email": "d@e.f", "custom_fields": {"nope": 1}},
    ]
    fields = {"custom_fields": [{"id": "e2_T", "name": "plan"}, {"id": "e1_T", "name": "age"}]}
    requests, outcomes = run(sendgrid, "upsert_contact", SETTINGS, payloads, [answer(200, fields), answer(202)])
    assert [request.url for request in requests] == [
        "https://api.eu.sendgrid.com/v3/marketing/field_definitions",
        "https://api.eu.sendgrid.com/v3/marketing/contacts",
    ]
    assert requests[1].json == {"contacts": [{"email": "a@b.c", "custom_fields": {"e2_T": "pro", "e1_T": 5}}]}
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected"]
    assert "nope" in outcomes[1].reason


def test_contacts_without_custom_fields_need_no_look_up() -> None:
    """A contact of standard fields is one request."""
    requests, outcomes = run(
        sendgrid, "upsert_contact", SETTINGS, [{"email": "a@b.c", "list_ids": ["l1"]}], [answer(202)]
    )
    assert [request.method for request in requests] == ["PUT"]
    assert requests[0].json == {"list_ids": ["l1"], "contacts": [{"email": "a@b.c"}]}
    assert [outcome.kind for outcome in outcomes] == ["delivered"]


def test_a_mail_names_its_key() -> None:
    """A mail is one personalisation; the idempotency key travels along, as SendGrid does not deduplicate."""
    payload = {
        "template_id": "d-1",
        "sender": {"email": "shop@example.com", "name": "Shop"},
        "to": [{"email": "a@b.c", "name": None}],
        "dynamic_template_data": {"order": 7},
        "group_id": 12,
    }
    requests, _ = run(sendgrid, "send_mail", SETTINGS, [payload])
    assert requests[0].json == {
        "personalizations": [
            {
                "to": [{"email": "a@b.c"}],
                "dynamic_template_data": {"order": 7},
                "custom_args": {"idempotency_key": "key-1"},
            }
        ],
        "from": {"email": "shop@example.com", "name": "Shop"},
        "template_id": "d-1",
        "asm": {"group_id": 12},
    }


def test_a_contact_without_custom_fields_needs_no_look_at_them() -> None:
    """It travels apart: a look that fails is not its failure."""
    action = sendgrid.actions["upsert_contact"]
    assert action.batch is not None
    keys = [
        action.batch.key(action.payload.model_validate({"email": "a@b.c"} | more))
        for more in ({}, {"custom_fields": {}}, {"custom_fields": {"plan": "pro"}})
    ]
    assert keys[0] == keys[1] != keys[2]
