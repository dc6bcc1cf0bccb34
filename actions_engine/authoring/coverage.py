"""What the examples of mappings do not exercise: mappings, conditions and fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from actions_engine.authoring.trial import read_event
from actions_engine.engine import Engine
from actions_engine.errors import InputError, Location
from actions_engine.language.condition import tests
from actions_engine.language.fields import Constant, evaluate
from actions_engine.mapping import Mapping


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that no example exercises.

    Attributes:
        what: In one sentence.
        location: Where it stands.
    """

    what: str
    location: Location


def gaps(engine: Engine) -> Iterator[Gap]:
    """Yield what no example of a mapping exercises.

    A mapping needs an example that fires it and one that does not; each of its conditions an example in which it holds
    and one in which it does not; each field that the file gives an example in which it has a value.
    """
    for mapping in engine.mappings:
        events: list[dict[str, Any]] = []
        for example in mapping.examples:
            try:
                events.append(read_event(example))
            except InputError:
                continue  # the example itself fails
        yield from _gaps(mapping, events)


def _gaps(mapping: Mapping, events: list[dict[str, Any]]) -> Iterator[Gap]:
    if not mapping.examples:
        yield Gap(f"{mapping.name!r} has no example", mapping.location)
        return
    fired = [event for event in events if mapping.condition.holds(event)]
    if not fired:
        yield Gap(f"no example fires {mapping.name!r}", mapping.location)
    if len(fired) == len(events):
        yield Gap(f"no example shows when {mapping.name!r} does not fire", mapping.location)
    seen: set[tuple[str, str, str]] = set()
    for test in tests(mapping.trigger):
        if test.key in seen:
            continue
        seen.add(test.key)
        outcomes = {test.holds(event) for event in events}
        for outcome, words in ((True, "holds"), (False, "does not hold")):
            if outcome not in outcomes:
                what = f"in no example of {mapping.name!r} {test.describe()} {words}"
                yield Gap(what, test.location or mapping.location)
    for name, place in mapping.places.items():
        field = mapping.fields.get(name)
        if field is not None and not isinstance(field, Constant) and not any(_value(field, event) for event in fired):
            yield Gap(f"in no example of {mapping.name!r} the field {name!r} has a value", place)


def _value(field: Any, event: dict[str, Any]) -> bool:
    try:
        return evaluate(field, event) is not None
    except Exception:  # noqa: BLE001 - a field that cannot be computed has no value
        return False
