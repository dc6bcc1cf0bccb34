"""A destination with made-up settings, and a call of each of its actions and presets."""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from actions_engine.authoring.starter import starter_file
from actions_engine.authoring.trial import read_event
from actions_engine.call import Call
from actions_engine.destination import Action, Destination
from actions_engine.engine import Engine
from actions_engine.registry import Registry
from actions_engine.request import Request

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


class Subject:
    """A destination on trial.

    Attributes:
        destination: What is tried.
        secrets: The texts that its secret settings were given; none may be seen anywhere.
    """

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Subject({self.destination.name!r})"

    @cached_property
    def actions_engine(self) -> Engine:
        """An engine with one mapping for each action, its defaults, and what its required fields need beside them."""
        twin = copy.copy(self.destination)
        twin.presets = {}
        return self._load(starter_file(twin, Registry([twin])))

    @cached_property
    def presets_engine(self) -> Engine:
        """An engine with every preset as the destination declares it."""
        settings = starter_file(self.destination, Registry([self.destination])).partition("\nmappings:")[0]
        return self._load(f"{settings}\npresets: all\n")

    def _load(self, text: str) -> Engine:
        environ = {name: self._value(name) for name in _VARIABLE.findall(text)}
        with tempfile.TemporaryDirectory(prefix="actions-engine-") as folder:
            file = Path(folder) / f"{self.destination.name}.yaml"
            file.write_text(text, encoding="utf-8")
            return Engine.load(file, registry=Registry([self.destination]), environ=environ)

    def _value(self, variable: str) -> str:
        token = f"tok-{variable.lower().replace('_', '-')}-5f3a9c"
        value = f"https://vendor.example.com/{token}" if variable.endswith(("_URL", "_ENDPOINT")) else token
        self.secrets[variable] = token
        return value

    @cached_property
    def calls(self) -> dict[str, Call]:
        """A call of each action, by its name."""
        calls: dict[str, Call] = {}
        for mapping in self.actions_engine.mappings:
            for example in mapping.examples:
                made = self.actions_engine.route(read_event(example)).calls
                calls |= {call.action: call for call in made if call.source is mapping}
        return calls

    def payloads(self, action: Action, count: int = 1) -> list[Any]:
        """Return payloads of an action, alike but for their idempotency keys."""
        call = self.calls[action.name]
        return [copy.copy(call.payload).bind(f"{call.key}-{number}") for number in range(count)]

    @property
    def settings(self) -> Any:
        """The made-up settings."""
        return self.actions_engine.mappings[0].instance.settings


def requests_for(
    destination: Destination,
    *events: dict[str, Any],
    action: str,
    settings: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> list[Request]:
    """Return the requests that an action makes of events, by the engine's own path; nothing is sent.

    Args:
        destination: The destination on trial.
        events: One, or several that the action's batch policy may put together; whatever they are, they fire.
        action: The action's name.
        settings: The destination's settings.
        fields: The mapping's fields, as in YAML; the action's defaults where there are none.

    Raises:
        MappingError: the settings or fields are refused.
        AssertionError: the payload is refused; the message says why.
    """
    mapping: dict[str, Any] = {"name": "trial", "action": action, "trigger": {"not": {'"$never"': {"exists": True}}}}
    if fields is not None:
        mapping["fields"] = dict(fields)
    content = {"destination": destination.name, "settings": dict(settings or {}), "mappings": [mapping]}
    with tempfile.TemporaryDirectory(prefix="actions-engine-") as folder:
        file = Path(folder) / "trial.yaml"
        # JSON is YAML.
        file.write_bytes(msgspec.json.encode(content, enc_hook=str))
        engine = Engine.load(file, registry=Registry([destination]), environ={})
    routings = [engine.route(event) for event in events]
    if reasons := [rejection.reason for routing in routings for rejection in routing.rejections]:
        raise AssertionError("; ".join(reasons))
    made = engine.requests([call for routing in routings for call in routing.calls])
    if made.rejections:
        raise AssertionError("; ".join(rejection.reason for rejection in made.rejections))
    return made
