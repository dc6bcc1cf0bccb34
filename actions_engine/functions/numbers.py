"""Arithmetic. A number that is missing makes the result null; one that is not finite is an error."""

from __future__ import annotations

import math

from actions_engine.errors import FunctionError

# Products of longer integers take memory that a mapping has no use for.
_MAX_BITS = 4_096
_MAX_DIGITS = 15


def add(subject: int | float, *others: int | float | None) -> int | float | None:
    """Add numbers; null where one is missing.

    Raises:
        FunctionError: the sum is no finite number.
    """
    total = subject
    for other in others:
        if other is None:
            return None
        total += other
    return _finite(total)


def subtract(subject: int | float, other: int | float | None) -> int | float | None:
    """Subtract the second number from the first; null where it is missing.

    Raises:
        FunctionError: the difference is no finite number.
    """
    return None if other is None else _finite(subject - other)


def multiply(subject: int | float, *others: int | float | None) -> int | float | None:
    """Multiply numbers; null where one is missing.

    Raises:
        FunctionError: the product is no finite number, or a whole number of more than 4,096 bits.
    """
    product = subject
    for other in others:
        if other is None:
            return None
        whole = isinstance(product, int) and isinstance(other, int)
        if whole and int(product).bit_length() + int(other).bit_length() > _MAX_BITS:
            raise FunctionError("the product is too large")
        product *= other
    return _finite(product)


def divide(subject: int | float, other: int | float | None) -> int | float | None:
    """Divide the first number by the second; null where that is 0 or missing.

    Raises:
        FunctionError: the quotient is no finite number.
    """
    return None if not other else _finite(subject / other)


def round_(subject: int | float, digits: int | None = None) -> int | float:
    """Round to a whole number, or to so many decimals; halves go to the even neighbour, as in IEEE 754.

    Args:
        subject: The number.
        digits: Decimals to keep, from -15 to 15; a negative one rounds to tens, hundreds and so on.

    Raises:
        FunctionError: `digits` is no such number, or the subject is not finite.
    """
    places = 0 if digits is None else digits
    if not (float(places).is_integer() and abs(places) <= _MAX_DIGITS):
        raise FunctionError(f"digits must be a whole number from -{_MAX_DIGITS} to {_MAX_DIGITS}")
    rounded = round(_finite(subject), int(places))
    return rounded if places > 0 else int(rounded)


def _finite(number: int | float) -> int | float:
    # Whole numbers are always finite, and too long ones cannot be asked.
    if isinstance(number, float) and not math.isfinite(number):
        raise FunctionError("the number is not finite")
    return number


FUNCTIONS = (add, subtract, multiply, divide, round_)
