"""An event's `integrations` object: which destinations may see it."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache
from typing import Any

# What Segment's catalogue adds to a vendor's name: `Amplitude (Actions)`, `Actions Braze Cloud`, `HubSpot Cloud Mode
# (Actions)`, `Facebook Conversions API (Actions)`.
_ADDED = frozenset({"actions", "cloud", "mode", "api", "destination"})


@lru_cache(maxsize=4_096)
def plain_name(name: str) -> str:
    """Return a destination's name without what catalogues add to it: letters and digits, in lower case."""
    words = re.findall(r"[^\W_]+", name.casefold())
    return "".join(word for word in words if word not in _ADDED) or "".join(words)


def is_chosen(integrations: Any, names: Set[str]) -> bool:
    """Whether the event's `integrations` object lets a destination see it.

    Source: https://segment.com/docs/guides/filtering-data/#filtering-with-the-integrations-object. The entry `All`
    decides for destinations that are not named.

    Args:
        integrations: The object.
        names: What the destination may be called, as `plain_name` gives it.
    """
    if not isinstance(integrations, dict):
        return True
    decision: Any = True
    for name, value in integrations.items():
        if isinstance(name, str) and len(name) <= _LONGEST and plain_name(name) in names:
            # An object of options chooses the destination, as true does.
            return value is not False and value is not None
        if name in ("All", "all"):
            decision = value
    return decision is not False


# Characters of a name; the events' own would fill the memory of names.
_LONGEST = 100
