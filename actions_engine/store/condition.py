"""A filter of rows -> a condition of SQL."""

from __future__ import annotations

from typing import Any

from actions_engine.errors import StoreError
from actions_engine.store.contract import Filter
from actions_engine.store.cursor import CHUNK, marks


def condition_of(what: Filter, prefix: str = "") -> tuple[str, list[Any]]:
    """Return a filter as a condition and its values; column names are this module's own.

    Raises:
        StoreError: it names more rows than one statement takes.
    """
    parts = [f"{prefix}state IN ({marks(what.states)})"] if what.states else ["1 = 0"]
    values: list[Any] = list(what.states)
    for column, value, operator in (
        ("instance", what.instance, "= ?"),
        ("mapping", what.mapping, "= ?"),
        ("updated_at", what.since, ">= ?"),
        ("updated_at", what.until, "< ?"),
    ):
        if value is not None:
            parts.append(f"{prefix}{column} {operator}")
            values.append(value)
    if what.reason is not None:
        parts.append(f"LOWER({prefix}reason) LIKE ? ESCAPE '!'")
        literal = what.reason.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
        values.append(f"%{literal}%")
    if what.ids is not None:
        if len(what.ids) > CHUNK:
            raise StoreError(f"{len(what.ids):,} ids are too many for one command; at most {CHUNK} are taken")
        parts.append(f"{prefix}id IN ({marks(what.ids)})" if what.ids else "1 = 0")
        values += what.ids
    return " AND ".join(parts), values
