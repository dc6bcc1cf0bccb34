"""A condition -> the YAML form of a trigger, as plain data."""

from __future__ import annotations

from typing import Any as AnyValue

from actions_engine.language.condition import All, Any, Condition, Not, Test
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.operators import NEGATIONS
from actions_engine.loading.source import Node, Source
from actions_engine.loading.trigger_yaml import read_trigger

_NEGATIVE = {positive: negative for negative, positive in NEGATIONS.items()}


def as_yaml(condition: Condition, parser: ExpressionParser, text: str) -> AnyValue:
    """Return a condition in the YAML form, or its text where that form would not read back as the same condition.

    Args:
        condition: The condition.
        parser: Reads it back.
        text: The condition in the text form.
    """
    meant = _simplified(condition)
    written = _written(meant)
    read = read_trigger(_as_node(written), Source("", ""), parser)
    return written if read is not None and _simplified(read).describe() == meant.describe() else text


def _simplified(condition: Condition) -> Condition:
    """Return a condition that holds on the same events, without double negations."""
    match condition:
        case Not(Not(part)):
            return _simplified(part)
        case Not(part):
            return Not(_simplified(part))
        case All(parts) | Any(parts):
            return type(condition)(tuple(_simplified(part) for part in parts))
    return condition


def _written(condition: Condition) -> dict[str, AnyValue]:
    match condition:
        case Test():
            return {condition.expression.text: _operand(condition, negated=False)}
        case Not(Test() as test) if test.operator.name == "exists" or test.operator.name in _NEGATIVE:
            return {test.expression.text: _operand(test, negated=True)}
        case Not(part):
            return {"not": _written(part)}
        case Any(parts):
            return {"any": [_written(part) for part in parts]}
        case All(parts):
            pieces = [_written(part) for part in parts]
            keys = [key for piece in pieces for key in piece]
            if len(set(keys)) < len(keys):
                return {"all": pieces}
            return {key: value for piece in pieces for key, value in piece.items()}


def _operand(test: Test, *, negated: bool) -> AnyValue:
    name = test.operator.name
    if name == "exists":
        return {"exists": not negated}
    if negated:
        return {_NEGATIVE[name]: test.written}
    return test.written if name in ("is", "in") else {name: test.written}


def _as_node(value: AnyValue) -> Node:
    if isinstance(value, dict):
        return Node({key: _as_node(item) for key, item in value.items()}, 1, 1, dict.fromkeys(value, (1, 1)))
    if isinstance(value, list):
        return Node([_as_node(item) for item in value], 1, 1)
    return Node(value, 1, 1)
