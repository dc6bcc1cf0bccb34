"""Every bundled destination, tried as a stranger's would be; and destinations that owe something are found out."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    From,
    Outcome,
    Payload,
    PluginError,
    Registry,
    Request,
    Response,
    Secret,
    Settings,
)
from actions_engine.testing import Subject, conformance
from actions_engine.testing.conformance import CHECKS

test_conformance = conformance(*Registry.from_entry_points().destinations.values())


class Keys(Settings):
    """A key."""

    api_key: Annotated[Secret, Field(description="The key.")]


class Send(Payload):
    """One field."""

    name: Annotated[str, From("event"), Field(description="The name.")]


COUNTER = iter(range(1_000_000))


def _destination(function: Any, batch: Batch | None = None, outcomes: Any = None, settings: Any = Keys) -> Destination:
    made = Destination("trial", settings=settings, title="Trial")
    made.action(trigger='type = "track"', batch=batch, outcomes=outcomes)(function)
    return made


def good(settings: Keys, payload: Send) -> Request:
    """Send it."""
    return Request.post("https://example.com", headers={"Authorization": settings.api_key}, json=payload.body())


def impure(settings: Keys, payload: Send) -> Request:
    """Send it with a number that grows."""
    return Request.post("https://example.com", json={"n": next(COUNTER)})


def opens(settings: Keys, payload: Send) -> Request:
    """Read a file."""
    with open("/etc/hostname") as file:
        return Request.post("https://example.com", json={"n": file.read()})


def leaks(settings: Keys, payload: Send) -> Request:
    """Put the key into the URL in clear."""
    return Request.post(f"https://example.com/{settings.api_key.reveal()}")


def insecure(settings: Keys, payload: Send) -> Request:
    """Send it in clear."""
    return Request.post("http://example.com", json=payload.body())


def silent(settings: Keys, payload: Send) -> Request:
    return Request.post("https://example.com", json=payload.body())


def forgets(settings: Keys, payloads: list[Send]) -> Request:
    """Send the first alone."""
    return Request.post("https://example.com", json=payloads[0].body())


def too_few(response: Response, payloads: list[Any]) -> list[Outcome]:
    return [Outcome.of(response)]


def trusting(response: Response, payloads: list[Any]) -> list[Outcome]:
    return [Outcome.rejected("no") if response.json()["errors"] else Outcome.delivered() for _ in payloads]


def always_well(response: Response, payloads: list[Any]) -> list[Outcome]:
    return [Outcome.delivered() for _ in payloads]


class ClearKeys(Settings):
    """A key in clear."""

    api_key: Annotated[str, Field(description="The key.")]


class Root(Payload):
    """A field that no event has."""

    email: Annotated[str | None, From("email"), Field(description="The address.")] = None
    name: Annotated[str, From("event"), Field(description="The name.")]


def reads_root(settings: Keys, payload: Root) -> Request:
    """Send it."""
    return Request.post("https://example.com", json=payload.body())


@pytest.mark.parametrize(
    ("destination", "found"),
    [
        (_destination(good), set()),
        (_destination(impure), {"functions_are_pure"}),
        (_destination(opens), {"functions_are_pure"}),
        (_destination(leaks), set()),
        (_destination(insecure), {"requests_can_be_sent"}),
        (_destination(silent), {"metadata_is_complete"}),
        (_destination(forgets, Batch()), {"a_batch_of_one_is_a_batch"}),
        (
            _destination(good, outcomes=lambda response, payloads: []),
            {"every_answer_has_an_outcome", "odd_bodies_are_read"},
        ),
        (_destination(good, outcomes=trusting), {"every_answer_has_an_outcome", "odd_bodies_are_read"}),
        (_destination(good, outcomes=always_well), {"every_answer_has_an_outcome"}),
        (_destination(good, settings=ClearKeys), {"secrets_are_typed"}),
        (_destination(reads_root), {"defaults_read_the_spec"}),
    ],
)
def test_the_suite_finds_what_is_owed(destination: Destination, found: set[str]) -> None:
    """A destination that breaks one rule fails its check, and a good one none."""
    subject = Subject(destination)
    failed = set()
    for check in CHECKS:
        try:
            check(subject)
        except (AssertionError, ValueError, KeyError, TypeError, PluginError):
            failed.add(check.__name__)
    if destination.actions.get("leaks"):
        # In clear inside a URL it is masked by its value; in repr it is not.
        assert failed == {"secrets_never_show"}
    else:
        assert failed == found
