"""A mapping that was read and checked: what the engine works with."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from actions_engine.delivery_settings import DeliverySettings
from actions_engine.destination import Action, Destination, Settings
from actions_engine.errors import Location
from actions_engine.language.blank import is_blank
from actions_engine.language.condition import All, Condition
from actions_engine.language.fields import FieldValue, evaluate, is_left_out
from actions_engine.payload import single_valued
from actions_engine.request import Secret
from actions_engine.spec.integrations import plain_name

#: What a field computes to that the payload is not given.
LEFT_OUT: Any = object()


@dataclass(frozen=True, eq=False)
class Instance:
    """A destination with its settings: one mapping file.

    Attributes:
        name: The file's path below the mappings folder, without its ending.
        destination: What the plugin registered.
        settings: Validated.
        path: The file.
        delivery: How its calls are delivered.
        is_enabled: Whether the file makes calls.
    """

    name: str
    destination: Destination
    settings: Settings
    path: str
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    is_enabled: bool = True

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The settings' secrets, to be masked wherever they turn up."""
        return self.settings.secrets()

    @cached_property
    def integration_names(self) -> frozenset[str]:
        """What an event's `integrations` may call it: the destination's name, title and other names, or its own."""
        destination = self.destination
        names = (destination.name, destination.title, *destination.also_called, self.name)
        return frozenset(map(plain_name, names))


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """An event, and what a mapping must make of it.

    Attributes:
        name: What it is called: given, or the event file, or its number.
        event: The event itself, or the path of a file that holds it.
        kind: What is expected: some `fields` of the payload, the payload `exactly`, `no match` or a `rejection`.
        expected: The fields, or the text that the rejection's reason must hold.
        location: Where the example stands.
        expectation: Where its `expect` stands.
        notes: The fields that must be told of in notes; None where that is not asked.
    """

    name: str
    event: dict[str, Any] | Path
    kind: Literal["fields", "exactly", "no match", "rejection"]
    expected: Any
    location: Location
    expectation: Location
    notes: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Mapping:
    """A name, an action, a trigger and fields.

    Attributes:
        name: Unique in its file.
        instance: The destination instance that it belongs to.
        action: What it calls.
        trigger: When.
        filter: What the file asks of every event before any of its mappings, if anything.
        fields: Payload field to what computes it, the action's defaults included.
        location: Where the mapping stands.
        places: Where the file gives a field's value; a field that is not in it has the action's default.
        examples: Events, and what it must make of them.
        rejects_invalid: Whether any value that cannot be read rejects the call, not only one that it cannot do without.
    """

    name: str
    instance: Instance
    action: Action
    trigger: Condition
    filter: Condition | None
    fields: AbstractMapping[str, FieldValue]
    location: Location
    places: AbstractMapping[str, Location]
    examples: tuple[Example, ...] = ()
    rejects_invalid: bool = False

    @cached_property
    def key_suffix(self) -> bytes:
        """What a call's idempotency key says of its mapping, after the event's message id."""
        return f"\n{self.instance.name}\n{self.name}".encode(errors="backslashreplace")

    @cached_property
    def single(self) -> frozenset[str]:
        """The fields that take one value, where blank text means that there is nothing."""
        return single_valued(self.action.payload)

    def compute(self, name: str, event: dict[str, Any]) -> Any:
        """Return a field's value on an event as the payload is given it: LEFT_OUT where there is none.

        Raises:
            FunctionError, jmespath.exceptions.JMESPathError: it cannot be computed.
        """
        field = self.fields[name]
        value = evaluate(field, event)
        return LEFT_OUT if is_left_out(field, value) or (name in self.single and is_blank(value)) else value

    @property
    def condition(self) -> Condition:
        """What an event must meet: the file's filter and the trigger."""
        return self.trigger if self.filter is None else All((self.filter, self.trigger))
