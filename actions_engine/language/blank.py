"""Text that is empty or white space means that there is nothing, wherever a field of a payload takes one value.

What mappings compute for such a field is read by this rule before the payload's model sees it; `program.py` writes the
same into what it compiles.
"""

from __future__ import annotations

from typing import Any

#: Text of white space as it is sent: few enough that to look for many values at once is the fastest test there is.
BLANK: frozenset[Any] = frozenset(
    [" " * count for count in range(9)] + list("\t\n\r\u00a0\u3000") + ["\r\n", " \n", "\n "]
)


def is_blank(value: Any) -> bool:
    """Whether a value is text that says nothing."""
    return isinstance(value, str) and value in BLANK
