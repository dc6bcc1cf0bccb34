"""An event's `integrations` object: which destinations may see it."""

from __future__ import annotations

from typing import Any

from actions_engine.mapping import Mapping


def is_chosen(integrations: Any, mapping: Mapping) -> bool:
    """Whether the event's `integrations` object lets a mapping's destination see it.

    Source: https://segment.com/docs/guides/filtering-data/#filtering-with-the-integrations-object. A destination is
    named by its name, its title or its instance, in any case; the entry `All` decides for those not named.
    """
    if not isinstance(integrations, dict):
        return True
    destination = mapping.instance.destination
    names = {destination.name.casefold(), destination.title.casefold(), mapping.instance.name.casefold()}
    decision: Any = True
    for name, value in integrations.items():
        if isinstance(name, str) and name.casefold() in names:
            # An object of options chooses the destination, as true does.
            return value is not False and value is not None
        if name in ("All", "all"):
            decision = value
    return decision is not False
