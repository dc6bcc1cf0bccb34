"""Iterable: bulk endpoints, their answers, dates."""

from __future__ import annotations

import pytest

from actions_engine_iterable import iterable
from tests.plugins.steps import answer, run

SETTINGS = {"api_key": "it-secret"}


def test_users_that_the_answer_names_are_rejected_alone() -> None:
    """A bulk answer of 200 lists who was refused; the others are delivered."""
    payloads = [{"email": "a@b.c"}, {"email": "Bad@example.com"}, {"user_id": "gone"}]
    body = {
        "successCount": 1,
        "failCount": 2,
        "invalidEmails": ["bad@example.com"],
        "failedUpdates": {"forgottenUserIds": ["gone"]},
    }
    _, outcomes = run(iterable, "update_user", SETTINGS, payloads, [answer(200, body)])
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected", "rejected"]
    assert outcomes[2].reason == "Iterable says forgottenUserIds"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2026-01-01T00:00:00.000Z", "2026-01-01 00:00:00 +00:00"),
        ("2026-01-01T02:00:00+02:00", "2026-01-01 02:00:00 +02:00"),
        ("2026-01-01T00:00:00", "2026-01-01 00:00:00 +00:00"),
        ("1906-12-09", "1906-12-09"),
        ("2026-13-01T00:00:00Z", "2026-13-01T00:00:00Z"),
        (["2026-01-01T00:00:00Z", 5], ["2026-01-01 00:00:00 +00:00", 5]),
    ],
)
def test_moments_are_written_as_iterable_reads_dates(given: object, sent: object) -> None:
    """A moment in a data field, however deep, is written in Iterable's form; other text stays."""
    payload = {"email": "a@b.c", "event_name": "e", "data_fields": {"at": {"x": given}}}
    requests, _ = run(iterable, "track_event", SETTINGS, [payload])
    assert requests[0].json["events"][0]["dataFields"] == {"at": {"x": sent}}


def test_an_event_without_an_id_has_its_key() -> None:
    """The idempotency key serves where the event has no id, so that a retry replaces it."""
    requests, _ = run(iterable, "track_event", SETTINGS, [{"email": "a@b.c", "event_name": "e"}])
    assert requests[0].json == {"events": [{"email": "a@b.c", "eventName": "e", "id": "key-1"}]}
