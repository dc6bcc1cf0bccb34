"""JMESPath's rules for values, as compiled code calls them: jmespath.py's own (its visitor.py), said shorter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from actions_engine.functions.produced import within_bounds
from actions_engine.language.blank import BLANK
from actions_engine.language.fields import as_text


class _Expression:
    """A compiled `&expression`. jmespath.py's functions know one by this class's name and call its `visit`."""

    __slots__ = ("expression", "search")

    def __init__(self, search: Callable[[Any], Any]) -> None:
        self.expression = None
        self.search = search

    def visit(self, _expression: Any, value: Any) -> Any:
        return self.search(value)


def is_false(value: Any) -> bool:
    """Return JMESPath's falsehood of a value that Python takes for false: zero is true."""
    return value is None or value is False or not isinstance(value, (int, float))


def negate(value: Any) -> bool:
    """Return `!value`: zero is true."""
    return not value and is_false(value)


def comparable(value: Any) -> bool:
    """Whether a value can be ordered."""
    # Text is ordered too, as jmespath.py does beyond the specification.
    return isinstance(value, (int, float, str, Decimal)) and not isinstance(value, bool)


def equals(left: Any, right: Any) -> bool:
    """Equality that keeps 0 and 1 apart from false and true."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def flatten(value: Any) -> list[Any] | None:
    """Return a list with the lists in it merged; null for what is no list."""
    if not isinstance(value, list):
        return None
    for item in value:
        if isinstance(item, list):
            break
    else:
        return value
    merged: list[Any] = []
    for item in value:
        if isinstance(item, list):
            merged.extend(item)
        else:
            merged.append(item)
    return merged


RUNTIME = {
    "EMPTY": {},
    "BLANK": BLANK,
    "Reference": _Expression,
    "as_text": as_text,
    "comparable": comparable,
    "equals": equals,
    "flatten": flatten,
    "is_false": is_false,
    "negate": negate,
    "within_bounds": within_bounds,
}

#: Functions of ours that no text can make fail, as Python has them: compiled code calls them without a check.
TOTAL_ON_TEXT: dict[str, Callable[[str], Any]] = {"lower": str.lower, "upper": str.upper}
