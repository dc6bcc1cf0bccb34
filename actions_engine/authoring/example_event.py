"""A trigger and fields -> the smallest sample event that becomes a payload, and what to expect of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from actions_engine.authoring.fitting_event import samples_for, set_path
from actions_engine.errors import FunctionError
from actions_engine.language.condition import Condition
from actions_engine.language.fields import FieldValue, evaluate, is_left_out
from actions_engine.payload import Payload
from actions_engine.request import encode_json
from actions_engine.spec.samples import Event
from actions_engine.spec.tables import REQUIRED_FIELDS

# An expectation is to be read: a few short values say that the mapping does what it should.
_MAX_EXPECTED = 2
_MAX_TEXT = 80


@dataclass(frozen=True, slots=True)
class FoundExample:
    """An example of a mapping.

    Attributes:
        event: A call of the spec that fires the mapping.
        expect: Part of the payload that it becomes.
    """

    event: Event
    expect: dict[str, Any]


def find_example(condition: Condition, fields: Mapping[str, FieldValue], payload: type[Payload]) -> FoundExample | None:
    """Return an example of a mapping, None where no sample event becomes a payload.

    Args:
        condition: When it fires.
        fields: What fills its payload.
        payload: The payload model.
    """
    for event in samples_for(condition):
        for candidate in (event, _filled(event, fields, payload)):
            body = _body(candidate, condition, fields, payload)
            if body is None or not (telling := _expectation(body, fields, payload)):
                continue
            smallest = _smallest(
                candidate,
                lambda smaller: _contains(_body(smaller, condition, fields, payload), telling),
            )
            left = _body(smallest, condition, fields, payload) or body
            # A field is compared as a whole: what is left of an object is what is expected.
            return FoundExample(smallest, {name: left[name] for name in telling})
    return None


def _body(
    event: Event, condition: Condition, fields: Mapping[str, FieldValue], payload: type[Payload]
) -> dict[str, Any] | None:
    """Return the payload of an event as JSON, None where the mapping does not fire or rejects it."""
    if not condition.holds(event):
        return None
    try:
        computed = {name: (field, evaluate(field, event)) for name, field in fields.items()}
        values = {name: value for name, (field, value) in computed.items() if not is_left_out(field, value)}
        body: dict[str, Any] = json.loads(encode_json(payload.model_validate(values).body()))
    except (ValidationError, FunctionError, ValueError, TypeError, ArithmeticError):
        return None
    except Exception as error:
        # jmespath.py has a family of its own for what a function does not take.
        if type(error).__module__.startswith("jmespath"):
            return None
        raise
    return body


def _filled(event: Event, fields: Mapping[str, FieldValue], payload: type[Payload]) -> Event:
    """Return the event with a value wherever a required field looks for one and finds none."""
    filled = copy.deepcopy(event)
    schema = payload.model_json_schema()["properties"]
    for name, field in fields.items():
        path = getattr(field, "path", None)
        if payload.model_fields[name].is_required() and path and evaluate(field, filled) is None:
            set_path(filled, path, _VALUES.get(schema.get(name, {}).get("type", ""), f"sample {name}"))
    return filled


_VALUES: dict[str, Any] = {
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": ["sample"],
    "object": {"key": "value"},
}


def _expectation(body: Mapping[str, Any], fields: Mapping[str, FieldValue], payload: type[Payload]) -> dict[str, Any]:
    """Choose what an example expects: short values that come from the event, the ones most telling first."""
    chosen: list[tuple[int, str, Any]] = []
    for name in fields:
        value = body.get(name)
        if _is_short(value):
            rank = 0 if payload.model_fields[name].is_required() else 1
            rank = next((low for word, low in _LESS_TELLING.items() if word in name), rank)
            chosen.append((rank, name, value))
        elif isinstance(value, dict) and name not in _CIRCUMSTANCES:
            inner = [(key, item) for key, item in value.items() if _is_short(item)]
            if inner:
                chosen.append((2, name, dict(inner[:_MAX_EXPECTED])))
    return {name: value for _, name, value in sorted(chosen, key=lambda item: item[0])[:_MAX_EXPECTED]}


# Nearly every payload has these: they say little of a mapping.
_CIRCUMSTANCES = ("context", "integrations")
_LESS_TELLING = {"anonymous": 5, "time": 5, "message": 5, "user_id": 3}


def _is_short(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and 0 < len(value) <= _MAX_TEXT)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(_contains(whole.get(key), value) for key, value in part.items())
    return bool(whole == part)


def _smallest(event: Event, serves: Callable[[Event], bool]) -> Event:
    """Leave out of an event what is not needed: by the mapping, or by the spec."""
    needed = {"type", *REQUIRED_FIELDS.get(event["type"], ())}

    def accepted(smaller: Event) -> bool:
        return bool(smaller.get("userId") or smaller.get("anonymousId")) and serves(smaller)

    def without(smaller: Event, inner: dict[str, Any], keep: frozenset[str] | set[str]) -> None:
        for key in list(inner):
            if key in keep:
                continue
            value = inner.pop(key)
            if accepted(smaller):
                continue
            inner[key] = value
            if isinstance(value, dict):
                without(smaller, value, frozenset())

    smaller = copy.deepcopy(event)
    # The anonymous id goes first, so that the user's is what stays.
    smaller = {key: smaller[key] for key in sorted(smaller, key=lambda key: key != "anonymousId")}
    without(smaller, smaller, needed)
    order = list(event)
    return {key: smaller[key] for key in sorted(smaller, key=order.index)}
