"""Receipt: what became of events that were accepted."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """What was given as an event and is none; it is in no ledger.

    Attributes:
        number: Its place among what was given, from 0.
        reason: Why.
    """

    number: int
    reason: str


class Receipt(msgspec.Struct, frozen=True):
    """What became of events that were accepted; they are committed.

    Attributes:
        events: How many are new.
        duplicates: How many were accepted before, within the dedupe window; they make no call.
        calls: How many calls and rejections the new ones made: rows of the ledger.
        rejected: How many of those are rejections.
        dropped: Events that a plugin's `before_route` stopped.
        refused: What was no event at all; it is not in the ledger.
    """

    events: int = 0
    duplicates: int = 0
    calls: int = 0
    rejected: int = 0
    dropped: int = 0
    refused: tuple[Refusal, ...] = ()
