"""Note: what a call goes out without, or with in another form, as a value."""

from __future__ import annotations

from typing import Literal

import msgspec


class Note(msgspec.Struct, frozen=True):
    """What a call goes out without, or with in another form: a value that its field or the vendor does not take.

    Attributes:
        field: The payload field, dotted where it is inside one.
        found: The JSON type of the value found, such as `a string`; never the value, which may be personal.
        reason: Why.
        place: file:line:column of what computes the field: where the mapping gives it, else the mapping itself.
        change: What became of it.
    """

    field: str
    found: str
    reason: str
    place: str = ""
    change: Literal["left out", "changed"] = "left out"

    def __str__(self) -> str:
        found = f"{self.found}, " if self.found else ""
        return f"{self.field} was {self.change}: {found}{self.reason}" if self.field else self.reason
