"""What an expression produces, measured where it may have grown."""

from __future__ import annotations

from typing import Any

from actions_engine.errors import FunctionError

#: Values and characters that a part of an expression may produce where it can multiply its input.
MAX_PRODUCED = 1_000_000


def within_bounds(value: Any, times: float = 1.0) -> Any:
    """Return a value unless so many of it hold more than `MAX_PRODUCED` values and characters.

    Raises:
        FunctionError: it does.
    """
    left = int(MAX_PRODUCED / times)
    waiting = [value]
    while waiting:
        item = waiting.pop()
        left -= 1
        if isinstance(item, str):
            left -= len(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
            left -= len(item)
        elif isinstance(item, list):
            waiting.extend(item)
        if left < 0 or len(waiting) > left + 1:
            raise FunctionError(f"the expression produces more than {MAX_PRODUCED:,} values and characters")
    return value
