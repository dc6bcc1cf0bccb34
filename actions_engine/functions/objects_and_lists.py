"""Objects and lists: `items`, `from_items`, `zip` and `group_by` of JMESPath Community, and JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from actions_engine.errors import FunctionError
from actions_engine.functions.types import ExpressionReference

MAX_JSON = 1_000_000
_MAX_DEPTH = 100
# A long name above many fields is repeated in each of them.
_MAX_NAMES = 1_000_000


def items(subject: dict[str, Any]) -> list[Any]:
    """Return the object as a list of [key, value] pairs."""
    return [[key, value] for key, value in subject.items()]


def from_items(pairs: list[Any]) -> dict[str, Any]:
    """Return the object that a list of [key, value] pairs describes; of equal keys the last counts.

    Raises:
        FunctionError: an item is no pair with text as its key.
    """
    if not all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        raise FunctionError("each item must be a pair of a text and a value")
    return dict(pairs)


def zip_(first: list[Any], *others: list[Any]) -> list[Any]:
    """Return lists of the items that stand in the same place, as many as the shortest list has."""
    return [list(row) for row in zip(first, *others, strict=False)]


def group_by(subject: list[Any], key: ExpressionReference) -> dict[str, Any]:
    """Return an object of lists: the items for each text that the expression gives.

    Items for which it gives null are left out, as in JMESPath Community.

    Raises:
        FunctionError: the expression gives something else than text or null.
    """
    groups: dict[str, Any] = {}
    for item in subject:
        name = key.visit(key.expression, item)
        if name is None:
            continue
        if not isinstance(name, str):
            raise FunctionError("the expression must give text")
        groups.setdefault(name, []).append(item)
    return groups


def pick(subject: dict[str, Any], *names: str | list[str]) -> dict[str, Any]:
    """Return the object with these fields alone; names are given one by one or in lists.

    Raises:
        FunctionError: a list holds something else than text.
    """
    wanted = _names(names)
    return {name: value for name, value in subject.items() if name in wanted}


def omit(subject: dict[str, Any], *names: str | list[str]) -> dict[str, Any]:
    """Return the object without these fields; names are given one by one or in lists.

    Raises:
        FunctionError: a list holds something else than text.
    """
    unwanted = _names(names)
    return {name: value for name, value in subject.items() if name not in unwanted}


def flatten_object(subject: dict[str, Any], separator: str | None = None) -> dict[str, Any]:
    """Return the object with nested objects' fields raised to the top, their names joined by a dot.

    Lists and empty objects stay as they are; of two fields that get the same name the last counts.

    Args:
        subject: The object.
        separator: What joins the names instead.

    Raises:
        FunctionError: it is nested deeper than 100 levels, or the names would be longer than 1,000,000
            characters together.
    """
    between = "." if separator is None else separator
    flat: dict[str, Any] = {}
    length = 0
    # A stack of iterators instead of recursion keeps the fields in their order.
    waiting = [("", iter(subject.items()))]
    while waiting:
        prefix, fields = waiting[-1]
        for name, item in fields:
            path = prefix + name
            if isinstance(item, dict) and item:
                if len(waiting) >= _MAX_DEPTH:
                    raise FunctionError(f"the object is nested deeper than {_MAX_DEPTH} levels")
                path += between
                waiting.append((path, iter(item.items())))
            else:
                flat[path] = item
            length += len(path)
            if length > _MAX_NAMES:
                raise FunctionError(f"the names would be longer than {_MAX_NAMES:,} characters")
            if waiting[-1][1] is not fields:
                break
        else:
            waiting.pop()
    return flat


def parse_json(subject: str) -> Any:
    """Return the value that JSON text stands for.

    Raises:
        FunctionError: it is no JSON, or longer than 1,000,000 characters.
    """
    if len(subject) > MAX_JSON:
        raise FunctionError(f"the text is longer than {MAX_JSON:,} characters")
    try:
        return msgspec.json.decode(subject)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise FunctionError("the text is no JSON") from None


def to_json(subject: Any) -> str | None:
    """Return the value as JSON text, without spaces.

    Raises:
        FunctionError: it is nested too deeply, or holds a number that JSON has not (NaN, infinity).
    """
    if subject is None:
        return None
    try:
        return json.dumps(subject, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise FunctionError("the value is nested too deeply") from None
    except ValueError:
        raise FunctionError("the value holds a number that JSON has not") from None


def _names(names: tuple[str | list[str], ...]) -> set[str]:
    listed = [name for given in names for name in ([given] if isinstance(given, str) else given)]
    if not all(isinstance(name, str) for name in listed):
        raise FunctionError("names must be text")
    return set(listed)


FUNCTIONS = (items, from_items, zip_, group_by, pick, omit, flatten_object, parse_json, to_json)
