"""Receipt: what became of events that were accepted; Waiting: what waits for people."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from actions_engine.store.contract import Pause


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
        unnamed: Events that came without a `messageId`: each is one of its own.
        refused: What was no event at all; it is not in the ledger.
    """

    events: int = 0
    duplicates: int = 0
    calls: int = 0
    rejected: int = 0
    dropped: int = 0
    unnamed: int = 0
    refused: tuple[Refusal, ...] = ()


class Waiting(msgspec.Struct, frozen=True):
    """Pending calls that nothing but people ends.

    Attributes:
        instance: The destination instance.
        calls: How many.
        reason: Why they wait.
    """

    instance: str
    calls: int
    reason: str


def told_pause(pause: Pause) -> str:
    """Return in words why an instance is paused, and until when."""
    if pause.is_by_hand:
        return f"paused by hand: {pause.reason}"
    until = datetime.fromtimestamp(pause.until, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"paused until {until}: {pause.reason}"
