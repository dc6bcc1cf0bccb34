"""What a change of mappings does to recorded events: the calls that appear, vanish or change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from actions_engine.authoring.differences import Difference, differences
from actions_engine.call import Rejection
from actions_engine.engine import Engine

Kind = Literal["appears", "vanishes", "changes", "is rejected", "is no longer rejected"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became different for one event and one mapping.

    Attributes:
        kind: What it is.
        instance: The destination instance.
        mapping: The mapping, in the new mappings where it is there.
        action: The action.
        event: The number of the event, from 1.
        name: The event's name or type, for people.
        fields: Of a call that changes, its fields that do.
        payload: Of a call that appears or vanishes, its payload.
        reason: Of a rejection, why.
    """

    kind: Kind
    instance: str
    mapping: str
    action: str
    event: int
    name: str
    fields: tuple[Difference, ...] = ()
    payload: dict[str, Any] | None = None
    reason: str = ""


@dataclass(slots=True)
class Comparison:
    """Counts and samples of what differs.

    Attributes:
        samples: Changes kept of each kind and mapping.
        events: Events compared.
        unchanged: Calls that are the same.
        counts: Changes by kind, instance and mapping.
        changed_fields: How often each field of a mapping changed, by instance, mapping and path.
        kept: The samples, the first of each.
    """

    samples: int = 3
    events: int = 0
    unchanged: int = 0
    counts: Counter[tuple[Kind, str, str]] = field(default_factory=Counter)
    changed_fields: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    kept: list[Change] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything does."""
        return bool(self.counts)

    def add(self, changes: Iterable[Change]) -> None:
        """Count changes and keep the first of each kind."""
        for change in changes:
            key = (change.kind, change.instance, change.mapping)
            self.counts[key] += 1
            # Once for each call, however many items of a list changed alike.
            for item in {difference.field: None for difference in change.fields}:
                self.changed_fields[change.instance, change.mapping, item] += 1
            if self.counts[key] <= self.samples:
                self.kept.append(change)


def compare(old: Engine, new: Engine, events: Iterable[Any], *, samples: int = 3) -> Comparison:
    """Route events through old and new mappings and return what differs.

    Args:
        old: The mappings as they were.
        new: The mappings as they are to be.
        events: The events; each is routed twice and then forgotten.
        samples: Changes to keep of each kind and mapping.
    """
    comparison = Comparison(samples)
    for number, event in enumerate(events, start=1):
        comparison.events = number
        before, after = _results(old, event), _results(new, event)
        name = str(event.get("event") or event.get("type") or "") if isinstance(event, dict) else ""
        for key in [*before, *(key for key in after if key not in before)]:
            change = _change(key, before.get(key), after.get(key), number, name)
            if change is None:
                comparison.unchanged += isinstance(before.get(key), dict)
            else:
                comparison.add([change])
    return comparison


_Result = dict[str, Any] | Rejection | None


def _results(engine: Engine, event: Any) -> dict[tuple[str, str, str], _Result]:
    """Return what each mapping made of an event: a payload or a rejection."""
    routing = engine.route(event)
    results: dict[tuple[str, str, str], _Result] = {
        (call.instance, call.mapping, call.action): call.payload.body() for call in routing.calls
    }
    return results | {(item.instance, item.mapping, item.action): item for item in routing.rejections}


def _change(key: tuple[str, str, str], old: _Result, new: _Result, event: int, name: str) -> Change | None:
    common = (*key, event, name)
    if isinstance(new, Rejection):
        if isinstance(old, Rejection) and old.reason == new.reason:
            return None
        return Change("is rejected", *common, reason=new.reason)
    if isinstance(old, Rejection):
        return Change("is no longer rejected", *common, payload=new, reason=old.reason)
    if old is None:
        return Change("appears", *common, payload=new)
    if new is None:
        return Change("vanishes", *common, payload=old)
    fields = tuple(differences(old, new))
    return Change("changes", *common, fields=fields) if fields else None
