"""The mapping language as JSON Schema: triggers, field values, examples, delivery; the same for every destination."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actions_engine.delivery_settings import DeliverySettings
from actions_engine.language.durations import DURATION_PATTERN, read_duration
from actions_engine.language.operators import NEGATIONS, OPERATORS
from actions_engine.spec.tables import CONTEXT_KINDS, EVENT_TYPES

Schema = dict[str, Any]

_SCALAR = ["string", "number", "boolean"]
_CONDITION = [*_SCALAR, "null", "array", "object"]
_BOUND: Schema = {
    "type": ["number", "string"],
    "pattern": "^[0-9]{4}",
    "description": "A number, or an ISO 8601 timestamp such as `2024-01-31T12:00:00Z`.",
}
_TEXT: Schema = {"type": "string", "minLength": 1}
# What each operator takes.
_OPERANDS: dict[str, Schema] = {
    "is": {"type": [*_SCALAR, "null"]},
    "in": {"type": "array", "minItems": 1, "items": {"type": [*_SCALAR, "null"]}},
    "contains": {"type": _SCALAR},
    "starts_with": _TEXT,
    "ends_with": _TEXT,
    "matches": _TEXT,
    "gt": _BOUND,
    "gte": _BOUND,
    "lt": _BOUND,
    "lte": _BOUND,
    "exists": {"type": "boolean"},
}
_NOTES = {
    "contains": ": text that contains it, or a list that has it as an item",
    "matches": " as a whole: `*` is any text, `?` one character",
    "exists": ": `true` where there is a value, `false` where there is none (null is none)",
}
_KIND_WORDS = {
    "text": "text", "id": "text", "number": "a number", "boolean": "true or false", "object": "an object",
    "list": "a list", "date": "ISO 8601 text",
}  # fmt: skip
# Paths that most triggers test, for an editor to offer; any expression may stand there.
_PATHS = {
    "event": "The name of a Track event, such as `Button Clicked`.",
    "userId": "The user's id in your database.",
    "anonymousId": "An id for a visitor who is not known yet.",
    "groupId": "The id of a Group call.",
    "name": "The name of a page or screen.",
    "category": "The category of a page or screen.",
    "properties": "What a Track, Page or Screen call tells.",
    "properties.revenue": "The revenue, a number.",
    "properties.currency": "The currency, in three letters (ISO 4217).",
    "traits": "What is known about the user or group.",
    "context.traits.email": "The user's e-mail address, where another call than Identify tells it.",
} | {f"context.{path}": f"Common field of the spec: {_KIND_WORDS[kind]}." for path, kind in CONTEXT_KINDS.items()}


def trigger_schema() -> Schema:
    """Return the schema of a trigger in both its forms."""
    trigger, condition = {"$ref": "#/$defs/trigger"}, {"$ref": "#/$defs/condition"}
    nested = {"type": "array", "minItems": 1, "items": trigger}
    return {
        "type": ["object", "string"],
        "minProperties": 1,
        "pattern": "\\S",
        "properties": {
            "all": {"description": "Every one of these conditions holds.", **nested},
            "any": {"description": "At least one of these conditions holds.", **nested},
            "not": {"description": "The condition does not hold.", "type": ["object", "string"], "allOf": [trigger]},
            "type": {"$ref": "#/$defs/type-condition"},
            # The type is said again for editors: they write a colon behind a key whose value they know.
            **{path: {"description": text, "type": _CONDITION, "allOf": [condition]} for path, text in _PATHS.items()},
        },
        "additionalProperties": condition,
    }


def condition_schema() -> Schema:
    """Return the schema of what stands beneath an expression."""
    return {
        "description": "A value (equals), a list of values (equals one of), or operators, all of which must hold.",
        "type": _CONDITION,
        "minItems": 1,
        "items": {"type": [*_SCALAR, "null"]},
        "minProperties": 1,
        "additionalProperties": False,
        "properties": _operators(_OPERANDS),
    }


def type_condition_schema() -> Schema:
    """Return the schema of what stands beneath `type`, which is compared with event types alone."""
    types: Schema = {"enum": [*EVENT_TYPES, None]}
    several: Schema = {"type": "array", "minItems": 1, "items": types}
    operators = _operators(_OPERANDS | {"is": types, "in": several})
    return {
        "description": "The call: " + ", ".join(EVENT_TYPES) + ".",
        "anyOf": [
            types,
            several,
            {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": operators},
        ],
    }


def _operators(operands: dict[str, Schema]) -> Schema:
    operators: Schema = {}
    for name, operator in OPERATORS.items():
        text = f"The value {operator.phrase}{_NOTES.get(name, ' this')}."
        operators[name] = operands[name] | {"description": text}
    for negative, name in NEGATIONS.items():
        text = f"The negation of `{name}`: holds on a missing value too."
        operators[negative] = operands[name] | {"description": text}
    return operators


def field_schema() -> Schema:
    """Return the schema of what a payload field is given as."""
    return {
        "type": ["string", "number", "boolean", "null", "object", "array"],
        "items": {"$ref": "#/$defs/field"},
        "propertyNames": {"pattern": r"^(\$literal$|[^$]|$)"},
        "properties": {"$literal": {"description": "What stands here, taken as it is: `{$literal: USD}`."}},
        "additionalProperties": {"$ref": "#/$defs/field"},
        "if": {"type": "object", "required": ["$literal"]},
        "then": {"maxProperties": 1},
    }


def required_field_schema() -> Schema:
    """Return the schema of a field that must have a value: null is none."""
    return {"type": ["string", "number", "boolean", "object", "array"], "allOf": [{"$ref": "#/$defs/field"}]}


def examples_schema() -> Schema:
    """Return the schema of a mapping's examples; `expectation_schema` says more for one action."""
    return {
        "type": "array",
        "description": "Events and what they become; run by `actions-engine test`.",
        "items": {
            "type": "object",
            "required": ["event", "expect"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string", "description": "What the example shows."},
                "event": {"type": ["string", "object"], "description": "The event, or the path of a file with it."},
                "expect": {
                    "description": "Part of the payload; or `no match`, `{rejected: part of the reason}`, "
                    "`{$exactly: the whole payload}`.",
                    "anyOf": [{"const": "no match"}, {"type": "object"}],
                },
            },
        },
    }


def expectation_schema(fields: Iterable[str], names: Schema | None) -> Schema:
    """Return the schema of an example's `expect` for one action.

    Args:
        fields: The payload's fields.
        names: The schema of their names, None where a payload may have others.
    """
    whole: Schema = {"type": "object", "description": "The payload is this and has no other fields."}
    part: Schema = {"type": "object", "properties": {name: {} for name in fields}}
    if names is not None:
        whole["propertyNames"] = names
        part["additionalProperties"] = False
    part["properties"] |= {
        "rejected": {"type": "string", "description": "The payload is rejected, and the reason holds this text."},
        "$exactly": whole,
        "$notes": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Fields that notes tell of.",
        },
    }
    return {"anyOf": [{"const": "no match", "description": "The mapping does not fire."}, part]}


# pydantic leaves the bounds of a value that it reads itself in its own words.
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def delivery_schema() -> Schema:
    """Return the schema of `delivery`: how the calls of a file are delivered. A duration may be text with its units."""
    schema = DeliverySettings.model_json_schema()
    properties: Schema = {}
    for name, info in DeliverySettings.model_fields.items():
        field = {_BOUNDS.get(key, key): value for key, value in schema["properties"][name].items() if key != "title"}
        if any(getattr(marker, "func", None) is read_duration for marker in info.metadata):
            field |= {"type": ["number", "string"], "pattern": DURATION_PATTERN}
            field["description"] += " Seconds, or text such as `30s`, `15m`, `24h`."
        if field.get("default", ...) is None:
            del field["default"]
        properties[name] = field
    return {
        "type": "object",
        "description": schema["description"],
        "additionalProperties": False,
        "properties": properties,
    }
