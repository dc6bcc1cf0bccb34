"""Choice and arithmetic."""

from __future__ import annotations

import math
from typing import Any

# Products of longer integers take memory that a mapping has no use for.
_MAX_BITS = 4_096


def if_(test: Any, then: Any, otherwise: Any = None) -> Any:
    """Return `then` where the test is true by JMESPath's rule, else the third argument or null."""
    false = test is None or test is False or test in ("", [], {})
    return otherwise if false else then


def to_boolean(subject: str | bool | int | float) -> bool | None:
    """Return true for true, 1, "true", "yes", "on", "1"; false for their opposites; null for anything else."""
    text = str(subject).strip().lower() if isinstance(subject, (str, bool)) else subject
    if text in ("true", "yes", "on", "1", "y", "t", 1):
        return True
    if text in ("false", "no", "off", "0", "n", "f", 0):
        return False
    return None


def add(subject: int | float, *others: int | float) -> int | float | None:
    """Add numbers; null where one is missing."""
    return None if None in others else _finite(sum(others, subject))


def subtract(subject: int | float, other: int | float | None) -> int | float | None:
    """Subtract the second number from the first; null where it is missing."""
    return None if other is None else _finite(subject - other)


def multiply(subject: int | float, *others: int | float) -> int | float | None:
    """Multiply numbers; null where one is missing."""
    product = subject
    for other in others:
        if other is None:
            return None
        if isinstance(product, int) and isinstance(other, int) and product.bit_length() + other.bit_length() > _MAX_BITS:
            raise OverflowError("the product is too large")
        product *= other
    return _finite(product)


def divide(subject: int | float, other: int | float | None) -> int | float | None:
    """Divide the first number by the second; null where that is 0 or missing."""
    return None if not other else _finite(subject / other)


def round_(subject: int | float, digits: int = 0) -> int | float:
    """Round to so many decimals, halves to the even neighbour; without digits to a whole number."""
    if not -400 <= digits <= 400:
        raise ValueError("digits must be between -400 and 400")
    rounded = round(_finite(subject), int(digits))
    return int(rounded) if digits <= 0 else rounded


def _finite(number: float) -> int | float:
    if isinstance(number, float) and not math.isfinite(number):
        raise OverflowError("the result is no finite number")
    return number


FUNCTIONS = (if_, to_boolean, add, subtract, multiply, divide, round_)
