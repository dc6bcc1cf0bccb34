"""Durations: `24h`, `1h30m`, `500ms`, or a number of seconds."""

from __future__ import annotations

import re
from typing import Any

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|h|d)\s*")
#: The whole, as a pattern that JSON Schema takes too.
DURATION_PATTERN = r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*)+$"


def read_duration(value: Any) -> float:
    """Return seconds: a number is seconds already, text names its units, such as `24h`, `1h30m` or `500ms`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.match(DURATION_PATTERN, value):
        return sum(float(part["number"]) * _UNITS[part["unit"]] for part in _PART.finditer(value))
    raise ValueError("a duration is a number of seconds, or text such as 30s, 15m, 24h or 7d")
