"""Values of the wrong kind that say plainly what they mean -> what a field's type wants.

The table in plugins/README.md names each; what it does not name is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

#: There is nothing that a value could be read as.
UNREADABLE: Any = object()

_NUMBER = re.compile(r"[-+]?([0-9]{1,400}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
# Python writes no number of more than 4,300 digits, and no id has so many.
_LARGEST = 10**400


def plain(value: Any) -> Any:
    """Return a Python object of a host's as JSON has it, not what is inside; UNREADABLE where JSON has nothing like it.

    `Decimal` is a number, moments are ISO 8601 text, a UUID is text, tuples and sets are lists, an enum's member is its
    value, a subclass of a JSON type is that type.
    """
    kind = type(value)
    if kind in _JSON:
        return value
    for base, convert in _HOSTS:
        if isinstance(value, base):
            return convert(value)
    return UNREADABLE


def of_kind(kinds: type | tuple[type, ...], value: Any) -> Any:
    """Return a value where it is of a kind, a host's own type as JSON has it; null of all else."""
    if isinstance(value, kinds):
        return value
    value = plain(value)
    return value if isinstance(value, kinds) else None


def _of_enum(member: Enum) -> Any:
    return plain(member.value)


def _of_decimal(value: Decimal) -> Any:
    if not value.is_finite():
        return float(value)
    return int(value) if value == value.to_integral_value() and abs(value) < _LARGEST else float(value)


def _of_datetime(value: datetime) -> str:
    # Without an offset it is in UTC, as moments of events are.
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()


_JSON = frozenset({str, int, float, bool, dict, list, type(None)})
_HOSTS: tuple[tuple[type, Any], ...] = (
    (Enum, _of_enum), (bool, bool), (int, int), (float, float), (str, str), (Decimal, _of_decimal),
    (datetime, _of_datetime), (date, date.isoformat), (time, time.isoformat), (UUID, str), (Mapping, dict),
    (list, list), (tuple, list), (set, list), (frozenset, list),
)  # fmt: skip


def as_text(value: Any) -> Any:
    """Return text; of a whole number its digits, of a list of one its item; UNREADABLE of all else."""
    value = _only(plain(value))
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, bool) or value is None:
        return UNREADABLE
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGEST else UNREADABLE
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value) if value - value == 0 else UNREADABLE
    return UNREADABLE


def as_number(value: Any) -> Any:
    """Return a number; of text that is one number that one; UNREADABLE of all else."""
    value = _only(plain(value))
    if isinstance(value, bool):
        return UNREADABLE
    if isinstance(value, str) and _NUMBER.fullmatch(text := value.strip()):
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, (int, float)) and value - value == 0:
        return value
    return UNREADABLE


def as_flag(value: Any) -> Any:
    """Return true or false, of their words and of 1 and 0 too; UNREADABLE of all else."""
    value = _only(plain(value))
    if isinstance(value, bool):
        return value
    return _FLAGS.get(str(value).strip().lower(), UNREADABLE) if isinstance(value, (str, int)) else UNREADABLE


def as_object(value: Any) -> Any:
    """Return an object; an empty list is an empty one, as PHP writes it; UNREADABLE of all else."""
    value = plain(value)
    if isinstance(value, list) and not value:
        return {}
    return value if isinstance(value, dict) else UNREADABLE


def as_list(value: Any) -> Any:
    """Return a list; UNREADABLE of all else."""
    value = plain(value)
    return value if isinstance(value, list) else UNREADABLE


def _only(value: Any) -> Any:
    return plain(value[0]) if isinstance(value, list) and len(value) == 1 else value
