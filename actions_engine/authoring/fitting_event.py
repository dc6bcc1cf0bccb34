"""A condition -> sample events that meet it, or one that was adapted to it."""

from __future__ import annotations

import copy
from typing import Any as AnyValue

from actions_engine.language.condition import All, Any, Condition, Not, Test
from actions_engine.language.operators import Glob
from actions_engine.spec.samples import SAMPLES, Event


def samples_for(condition: Condition) -> list[Event]:
    """Return the sample events that meet a condition, or one that was adapted to it; none where that fails.

    The events are copies, and the caller's to change.
    """
    meeting = [copy.deepcopy(event) for event in SAMPLES.values() if condition.holds(event)]
    if meeting:
        return meeting
    for event in SAMPLES.values():
        adapted = copy.deepcopy(event)
        _adapt(adapted, condition, hold=True)
        if condition.holds(adapted):
            return [adapted]
    return []


def set_path(event: Event, path: tuple[str, ...], value: AnyValue) -> None:
    """Set a field of an event, making the objects on the way to it."""
    for step in path[:-1]:
        inner = event.get(step)
        if not isinstance(inner, dict):
            inner = event[step] = {}
        event = inner
    event[path[-1]] = value


def remove_path(event: Event, path: tuple[str, ...]) -> None:
    """Remove a field of an event, if it is there."""
    for step in path[:-1]:
        event = event.get(step) or {}
        if not isinstance(event, dict):
            return
    event.pop(path[-1], None)


def _adapt(event: Event, condition: Condition, *, hold: bool) -> None:
    """Change an event so that a condition holds, or does not; what cannot be done is left undone."""
    match condition:
        case Not(part):
            _adapt(event, part, hold=not hold)
        case All(parts) | Any(parts):
            every = isinstance(condition, All) is hold
            for part in parts:
                if every or part.holds(event) is not hold:
                    _adapt(event, part, hold=hold)
                if not every and condition.holds(event) is hold:
                    return
        case Test() if condition.holds(event) is not hold and (path := condition.expression.path):
            if hold:
                set_path(event, path, _meeting(condition))
            else:
                # Nothing holds of a missing value.
                remove_path(event, path)


def _meeting(test: Test) -> AnyValue:
    """Return a value that meets a test."""
    written, name = test.written, test.operator.name
    if name == "in":
        return written[0]
    if name == "exists":
        return "sample"
    if name in ("gt", "lt"):
        if isinstance(written, str):
            return "9999-12-31T00:00:00Z" if name == "gt" else "0001-01-01T00:00:00Z"
        return written + 1 if name == "gt" else written - 1
    if isinstance(test.operand, Glob):
        return written.replace("*", "").replace("?", "x")
    return written
