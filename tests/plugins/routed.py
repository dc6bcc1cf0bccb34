"""Route an event by a destination's presets, or by one action, and tell what would be sent. Nothing is sent."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from actions_engine import Destination, Engine, Registry

EVENT = {
    "messageId": "m-1", "timestamp": "2026-01-05T10:00:00Z", "userId": "u-1", "anonymousId": "a-1", "context": {},
}  # fmt: skip


def routed(
    registry: Registry,
    destination: Destination,
    settings: dict[str, Any],
    event: dict[str, Any],
    action: str | None = None,
    fields: dict[str, Any] | None = None,
) -> tuple[list[Any], list[str], list[str]]:
    """Return the bodies of the requests, the fields that notes tell of, and the reasons of rejections.

    Args:
        registry: Where the destination is known.
        destination: The destination.
        settings: Its settings.
        event: What `EVENT` has no other value for.
        action: One action, for every event; None for the presets.
        fields: Fields beside the action's defaults.
    """
    content: dict[str, Any] = {"destination": destination.name, "settings": settings}
    mapping = {"name": "m", "action": action, "trigger": {"type": {"exists": True}}, "fields": fields or {}}
    content |= {"presets": "all"} if action is None else {"mappings": [mapping]}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "m.yaml"
        file.write_text(json.dumps(content))
        engine = Engine.load(file, registry=registry, environ={})
    routing = engine.route(EVENT | event)
    requests = engine.requests(list(routing.calls))
    return (
        [json.loads(request.body() or b"null") for request in requests],
        [note.field for call in routing.calls for note in call.notes],
        [rejection.reason for rejection in routing.rejections],
    )
