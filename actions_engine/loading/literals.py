"""Literals of fields against the payload model: what can never be accepted is told when the mapping is loaded."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from actions_engine.errors import Problem
from actions_engine.expected import expected_of
from actions_engine.language.expression import Expression
from actions_engine.language.fields import Constant, FieldValue, Template
from actions_engine.payload import Payload
from actions_engine.wording import did_you_mean, kind_of

# What an expression of a type is like, to ask the model whether it takes that type at all.
_SAMPLES: dict[str, Any] = {"number": 1, "boolean": True, "string": "x", "array": [], "object": {}}
_TYPE_ERRORS = frozenset({
    "string_type", "int_type", "float_type", "bool_type", "list_type", "dict_type", "model_type",
    "object_expected", "list_expected", "model_attributes_type",
})  # fmt: skip


def literal_problem(model: type[Payload], name: str, field: FieldValue) -> Problem | None:
    """Return why a payload field can never take a literal, or what a function returns; None where it can."""
    if isinstance(field, Expression) and field.tree["type"] == "function_expression":
        return _function_problem(model, name, field)
    known, value = _constant(field)
    if not known or value is None:
        # Null is left to the run: where the field requires a value, that is a problem of its own.
        return None
    fault = _fault(model, name, value)
    if fault is None:
        return None
    choices = list(_choices(model.model_fields[name].annotation))
    if choices and isinstance(value, str):
        listed = ", ".join(repr(choice) for choice in choices[:12])
        return _problem(f"{name} is one of {listed}; this is {value!r}", did_you_mean(value, choices))
    told = expected_of([fault])
    return _problem(f"{name} cannot be {kind_of(value)} like this: {told}")


def _problem(message: str, hint: str = "") -> Problem:
    return Problem("field-value", message, hint=hint)


def _constant(field: FieldValue) -> tuple[bool, Any]:
    match field:
        case Constant(value):
            return True, value
        case Template(parts) if all(isinstance(part, str) for part in parts):
            return True, "".join(str(part) for part in parts)
        case Expression() if field.tree["type"] == "literal":
            return True, field.tree["value"]
    return False, None


def _function_problem(model: type[Payload], name: str, field: Expression) -> Problem | None:
    function = field.library.get(field.tree["value"])
    returns = (function.returns if function else frozenset()) - {"null"}
    if not returns or not returns <= _SAMPLES.keys():
        return None
    faults = [_fault(model, name, _SAMPLES[kind]) for kind in sorted(returns)]
    if all(fault is not None and fault["type"] in _TYPE_ERRORS for fault in faults):
        given = " or ".join(sorted(returns))
        told = expected_of([faults[0]]) if faults[0] else ""
        return _problem(f"{field.tree['value']}() gives {given}, which {name} cannot take: {told}")
    return None


def _fault(model: type[Payload], name: str, value: Any) -> Any:
    """Return the first error that the model has with this field alone."""
    try:
        model.__pydantic_validator__.validate_python({name: value})
    except ValidationError as error:
        # That other fields are missing is no news: they come from the event.
        faults = error.errors(include_url=False, include_input=False)
        # What the field takes in another form goes out with a note.
        own = (fault for fault in faults if fault["loc"][:1] == (name,) and fault["type"] != "turned_into")
        return next(own, None)
    return None


def _choices(annotation: Any) -> Iterator[str]:
    """Yield the texts that an enum or Literal allows."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        yield from (str(member.value) for member in annotation)
    elif typing.get_origin(annotation) is typing.Literal:
        yield from (str(choice) for choice in typing.get_args(annotation))
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        for part in typing.get_args(annotation):
            yield from _choices(part)
