"""What each operator of a trigger means.

One rule for missing values: a missing field and null are the same, and no operator holds on them. Only these positive
operators exist; `is_not`, `not_in` and their like are the negation of a positive test and nothing else. Types are
strict: `"5"` is not 5 and `true` is not 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions_engine.odd_values import of_kind
from actions_engine.spec.moments import read_moment
from actions_engine.wording import kind_of

_NUMBERS = (int, float)


@dataclass(frozen=True, slots=True)
class Operator:
    """A positive operator.

    Attributes:
        name: Its key in the YAML form.
        phrase: How a sentence says it, between the expression and the operand.
        holds: The test of a value that is not null against the prepared operand.
        prepare: Turns the operand as written into what `holds` takes; raises ValueError saying what was expected.
    """

    name: str
    phrase: str
    holds: Callable[[Any, Any], bool]
    prepare: Callable[[Any], Any]


def same(value: Any, operand: Any) -> bool:
    """Strict equality of a value and a scalar: a boolean equals only a boolean."""
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    if isinstance(operand, str):
        return bool(of_kind(str, value) == operand)
    return bool(of_kind(_NUMBERS, value) == operand)


def _one_of(value: Any, operand: tuple[Any, ...]) -> bool:
    return any(same(value, item) for item in operand)


def _contains(value: Any, operand: Any) -> bool:
    value = of_kind((str, list), value)
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    return value is not None and any(same(item, operand) for item in value)


def _starts_with(value: Any, operand: str) -> bool:
    return (text := of_kind(str, value)) is not None and text.startswith(operand)


def _ends_with(value: Any, operand: str) -> bool:
    return (text := of_kind(str, value)) is not None and text.endswith(operand)


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern of `*` (any characters, none too) and `?` (one character), over the whole text."""

    pattern: str
    regex: re.Pattern[str]


def glob(pattern: Any) -> Glob:
    """Compile a glob to a regular expression that never backtracks over a `*`.

    Taking the earliest place for each piece between two stars is always enough for a glob; the atomic groups say so
    to the regex engine, which would otherwise try every combination.
    """
    first, *rest = [_piece(piece) for piece in re.split(r"\*+", _text(pattern))]
    if not rest:
        return Glob(pattern, re.compile(first, re.DOTALL))
    *middle, last = rest
    return Glob(pattern, re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + last, re.DOTALL))


def _piece(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)


def _matches(value: Any, operand: Glob) -> bool:
    return (text := of_kind(str, value)) is not None and operand.regex.fullmatch(text) is not None


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, operand: Any) -> bool:
        if isinstance(value, bool):
            return False
        if isinstance(operand, datetime):
            moment = read_moment(text) if (text := of_kind(str, value)) is not None else None
            return moment is not None and compare(moment, operand)
        return (number := of_kind(_NUMBERS, value)) is not None and compare(number, operand)

    return holds


def _scalar(operand: Any) -> Any:
    if isinstance(operand, (str, bool, *_NUMBERS)):
        return operand
    raise ValueError(f"takes text, a number or a boolean, not {kind_of(operand)}")


def _scalars(operand: Any) -> tuple[Any, ...]:
    if not isinstance(operand, list):
        raise ValueError(f"takes a list, not {kind_of(operand)}")  # noqa: TRY004 - all preparers raise one type
    if not operand:
        raise ValueError("takes a list with at least one value: nothing is in an empty list")
    return tuple(_scalar(item) for item in operand)


def _text(operand: Any) -> str:
    if isinstance(operand, str) and operand:
        return operand
    raise ValueError(f"takes text, not {'empty text' if operand == '' else kind_of(operand)}")


def _bound(operand: Any) -> Any:
    if isinstance(operand, _NUMBERS) and not isinstance(operand, bool):
        if operand != operand:  # noqa: PLR0124 - NaN alone differs from itself
            raise ValueError("cannot be compared with NaN")
        return operand
    moment = read_moment(operand) if isinstance(operand, str) else None
    if moment is None:
        raise ValueError(
            f"takes a number or an ISO 8601 timestamp, not {kind_of(operand)}"
            + (f" like {operand[:40]!r}" if isinstance(operand, str) else "")
        )
    return moment


OPERATORS = {
    operator.name: operator
    for operator in (
        Operator("is", "is", same, _scalar),
        Operator("in", "is one of", _one_of, _scalars),
        Operator("contains", "contains", _contains, _scalar),
        Operator("starts_with", "starts with", _starts_with, _text),
        Operator("ends_with", "ends with", _ends_with, _text),
        Operator("matches", "matches", _matches, glob),
        Operator("gt", "is greater than", _order(lambda a, b: a > b), _bound),
        Operator("gte", "is at least", _order(lambda a, b: a >= b), _bound),
        Operator("lt", "is less than", _order(lambda a, b: a < b), _bound),
        Operator("lte", "is at most", _order(lambda a, b: a <= b), _bound),
        Operator("exists", "exists", lambda _value, _operand: True, lambda operand: operand),
    )
}

#: Each negative operator of the YAML form and the positive one that it negates.
NEGATIONS = {
    "is_not": "is",
    "not_in": "in",
    "not_contains": "contains",
    "not_starts_with": "starts_with",
    "not_ends_with": "ends_with",
}
