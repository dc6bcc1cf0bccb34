"""A mapping that was read and checked: what the engine works with."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass

from actions_engine.destination import Action, Destination, Settings
from actions_engine.errors import Location
from actions_engine.fields import FieldValue
from actions_engine.request import Secret
from actions_engine.trigger import Condition


@dataclass(frozen=True, eq=False)
class Instance:
    """A destination with its settings: one mapping file.

    Attributes:
        name: The file's path below the mappings folder, without its ending.
        destination: What the plugin registered.
        settings: Validated.
        path: The file.
    """

    name: str
    destination: Destination
    settings: Settings
    path: str

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The settings' secrets, to be masked wherever they turn up."""
        return self.settings.secrets()


@dataclass(frozen=True, eq=False, slots=True)
class Mapping:
    """A name, an action, a trigger and fields.

    Attributes:
        name: Unique in its file.
        instance: The destination instance that it belongs to.
        action: What it calls.
        trigger: When; the file's filter is part of it.
        fields: Payload field to what computes it, the action's defaults included.
        location: Where the mapping stands.
    """

    name: str
    instance: Instance
    action: Action
    trigger: Condition
    fields: AbstractMapping[str, FieldValue]
    location: Location
