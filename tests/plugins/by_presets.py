"""What a destination's presets make of an event: the bodies of the requests, the notes, and why there is no call."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from actions_engine import Destination, Engine, Registry, Request

#: An order as a shop sends it; the tables below change one thing of it.
ORDER: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "11111111-2222-4333-8444-555555555555",
    "timestamp": "2026-01-05T10:00:00Z",
    "userId": "user-12345",
    "anonymousId": "anon-12345",
    "context": {},
    "properties": {
        "order_id": "o1",
        "revenue": 42,
        "currency": "EUR",
        "products": [{"product_id": "p1", "name": "Tee", "price": 21, "quantity": 2}],
    },
}


@dataclass(frozen=True)
class Made:
    """What became of an event.

    Attributes:
        requests: What is sent.
        bodies: Their bodies as data.
        notes: Field and reason of each note.
        reasons: Why there is no call.
    """

    requests: list[Request]
    bodies: list[Any]
    notes: list[tuple[str, str]]
    reasons: list[str]

    @property
    def noted(self) -> set[str]:
        """The fields that notes tell of."""
        return {field for field, _ in self.notes}


def made_of(destination: Destination, settings: dict[str, Any], event: dict[str, Any]) -> Made:
    """Route an event by all presets of a destination; of an action of several steps the first request is made."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.yaml"
        file.write_text(json.dumps({"destination": destination.name, "settings": settings, "presets": "all"}))
        engine = Engine.load(file, registry=Registry([destination]), environ={})
    routing = engine.route(event)
    requests = list(engine.requests(routing.calls))
    return Made(
        requests,
        [as_data(request) for request in requests],
        [(note.field, note.reason) for call in routing.calls for note in call.notes],
        [rejection.reason for rejection in routing.rejections],
    )


def as_data(request: Request) -> Any:
    """Return a request's body as data: JSON, or a form whose values may be JSON."""
    body = (request.body() or b"").decode()
    if request.form is None:
        return json.loads(body)
    return {name: json.loads(value) if value[:1] in "[{" else value for name, value in parse_qsl(body)}


def but(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an event with other values; `context__app={}` names a place inside."""
    changed: dict[str, Any] = json.loads(json.dumps(event))
    for path, value in changes.items():
        *steps, last = path.split("__")
        inside = changed
        for step in steps:
            inside = inside[step]
        inside[last] = value
    return changed
