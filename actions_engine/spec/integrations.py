"""An event's `integrations` object: which destinations may see it."""

from __future__ import annotations

from collections.abc import Set
from typing import Any


def is_chosen(integrations: Any, names: Set[str]) -> bool:
    """Whether the event's `integrations` object lets a destination see it.

    Source: https://segment.com/docs/guides/filtering-data/#filtering-with-the-integrations-object. The entry `All`
    decides for destinations that are not named.

    Args:
        integrations: The object.
        names: What the destination may be called, case folded.
    """
    if not isinstance(integrations, dict):
        return True
    decision: Any = True
    for name, value in integrations.items():
        if isinstance(name, str) and name.casefold() in names:
            # An object of options chooses the destination, as true does.
            return value is not False and value is not None
        if name in ("All", "all"):
            decision = value
    return decision is not False
