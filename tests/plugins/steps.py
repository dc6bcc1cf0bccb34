"""Run an action by hand: payloads in, requests out, answers in, outcomes out. Nothing is sent."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from actions_engine import Action, Destination, Outcome, Request, Response, Settings


def answer(status: int = 200, body: Any = None) -> Response:
    """Return a vendor's answer with a JSON body."""
    return Response(status, {}, b"" if body is None else msgspec.json.encode(body))


def run(
    destination: Destination,
    action: str,
    settings: dict[str, Any],
    payloads: Sequence[dict[str, Any]],
    answers: Sequence[Response] = (),
) -> tuple[list[Request], list[Outcome]]:
    """Return the requests that an action makes of these payloads, and the outcomes that it reads in the answers."""
    found: Action = destination.actions[action]
    configured: Settings = destination.settings.model_validate(settings)
    models = [
        found.payload.model_validate(payload).bind(f"key-{number}") for number, payload in enumerate(payloads, start=1)
    ]
    started = found.start(configured, models)
    if isinstance(started, Request):
        outcomes = [found.outcomes(item, models) if found.outcomes else [Outcome.of(item)] * len(models)
                    for item in answers]  # fmt: skip
        return [started], outcomes[0] if outcomes else []
    return _drive(started, list(answers))


def _drive(
    steps: Generator[Request, Response, list[Outcome]], answers: list[Response]
) -> tuple[list[Request], list[Outcome]]:
    requests = [next(steps)]
    try:
        for response in answers:
            requests.append(steps.send(response))  # noqa: PERF401 - what was sent before the end is kept
    except StopIteration as stop:
        return requests, stop.value
    steps.close()
    return requests, []
