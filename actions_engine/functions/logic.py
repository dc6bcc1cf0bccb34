"""Choice: values by a condition, and what counts as true."""

from __future__ import annotations

from typing import Any


def if_(test: Any, then: Any, otherwise: Any = None) -> Any:
    """Return `then` where the test is true, else the third argument or null; only what is returned is computed.

    False are null, `false`, and empty text, lists and objects; 0 is true (JMESPath's rule).
    """
    return otherwise if is_false(test) else then


def is_false(test: Any) -> bool:
    """Whether a value is false to JMESPath."""
    return test is None or test is False or (isinstance(test, (str, list, dict)) and not test)


def to_boolean(subject: str | bool | int | float) -> bool | None:
    """Return true for true, 1 and the texts true, yes, y, t, on, 1; false for their opposites; else null."""
    word = subject.strip().lower() if isinstance(subject, str) else subject
    if word in (True, "true", "yes", "y", "t", "on", "1"):
        return True
    if word in (False, "false", "no", "n", "f", "off", "0"):
        return False
    return None


FUNCTIONS = (if_, to_boolean)
