"""Objects and lists: `items`, `from_items` and `zip` of JMESPath Community's JEP-013, `group_by`, picking, flattening, JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from actions_engine.functions.library import ExpressionReference

MAX_JSON = 1_000_000
_MAX_DEPTH = 100


def items(subject: dict[str, Any]) -> list[Any]:
    """Return the object as a list of [key, value] pairs."""
    return [[key, value] for key, value in subject.items()]


def from_items(pairs: list[Any]) -> dict[str, Any]:
    """Return the object that a list of [key, value] pairs describes; of equal keys the last counts.

    Raises:
        ValueError: an item is no pair with text as its key.
    """
    if not all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        raise ValueError("each item must be a pair of a text and a value")
    return dict(pairs)


def zip_(first: list[Any], *others: list[Any]) -> list[Any]:
    """Return lists of the items that stand in the same place, as many as the shortest list has."""
    return [list(row) for row in zip(first, *others, strict=False)]


def group_by(subject: list[Any], key: ExpressionReference) -> dict[str, Any]:
    """Return an object of lists: the items for each text that the expression gives; items without one are left out.

    Raises:
        ValueError: the expression gives something else than text.
    """
    groups: dict[str, Any] = {}
    for item in subject:
        name = key.visit(key.expression, item)
        if name is None:
            continue
        if not isinstance(name, str):
            raise ValueError("the expression must give text")
        groups.setdefault(name, []).append(item)
    return groups


def pick(subject: dict[str, Any], *names: str | list[str]) -> dict[str, Any]:
    """Return the object with these fields alone."""
    wanted = _names(names)
    return {name: value for name, value in subject.items() if name in wanted}


def omit(subject: dict[str, Any], *names: str | list[str]) -> dict[str, Any]:
    """Return the object without these fields."""
    unwanted = _names(names)
    return {name: value for name, value in subject.items() if name not in unwanted}


def flatten_object(subject: dict[str, Any], separator: str = ".") -> dict[str, Any]:
    """Return the object with nested objects' fields raised to the top, their names joined; lists stay as they are.

    Raises:
        ValueError: it is nested deeper than 100 levels.
    """
    flat: dict[str, Any] = {}
    waiting = [("", subject, 0)]
    while waiting:
        prefix, value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ValueError(f"the object is nested deeper than {_MAX_DEPTH} levels")
        for name, item in value.items():
            if isinstance(item, dict) and item:
                waiting.append((f"{prefix}{name}{separator}", item, depth + 1))
            else:
                flat[f"{prefix}{name}"] = item
    return flat


def parse_json(subject: str) -> Any:
    """Return the value that JSON text stands for.

    Raises:
        ValueError: it is no JSON, or longer than 1,000,000 characters.
    """
    if len(subject) > MAX_JSON:
        raise ValueError(f"the text is longer than {MAX_JSON:,} characters")
    try:
        return msgspec.json.decode(subject)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("the text is no JSON") from None


def to_json(subject: Any) -> str | None:
    """Return the value as JSON text, without spaces.

    Raises:
        ValueError: it is nested too deeply.
    """
    if subject is None:
        return None
    try:
        return json.dumps(subject, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def _names(names: tuple[str | list[str], ...]) -> set[str]:
    return {name for given in names for name in ([given] if isinstance(given, str) else given)}


FUNCTIONS = (items, from_items, zip_, group_by, pick, omit, flatten_object, parse_json, to_json)
