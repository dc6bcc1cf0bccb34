"""Outcome: what became of a call that was sent, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

from actions_engine.request import Response


class Outcome(msgspec.Struct, frozen=True):
    """What became of a call that was sent.

    Attributes:
        kind: `delivered`; `retry`, later; `rejected`, for good; `paused`, the destination refuses its credentials.
        reason: Why, for the last three.
        retry_after: Seconds that the destination asked to wait, else None.
    """

    kind: Literal["delivered", "retry", "rejected", "paused"]
    reason: str = ""
    retry_after: float | None = None

    @classmethod
    def delivered(cls) -> Outcome:
        """The destination has it."""
        return cls("delivered")

    @classmethod
    def retry(cls, reason: str, after: float | None = None) -> Outcome:
        """Send it again, after so many seconds if given."""
        return cls("retry", reason, after)

    @classmethod
    def rejected(cls, reason: str) -> Outcome:
        """The destination will never take it."""
        return cls("rejected", reason)

    @classmethod
    def of(cls, response: Response) -> Outcome:
        """Read a status as RFC 9110 means it: the rule for actions that declare no reader of their own."""
        status = response.status
        if 200 <= status < 300:
            return cls.delivered()
        reason = f"HTTP {status}"
        if status in (408, 425, 429) or (status >= 500 and status != 501):
            return cls.retry(reason, _retry_after(response))
        if status in (401, 403):
            return cls("paused", reason)
        return cls.rejected(reason)

    @classmethod
    def of_items(cls, response: Response, count: int, faults: Mapping[Any, str]) -> list[Outcome]:
        """Read an answer that names items at fault: those are rejected, the others are what the status says.

        Args:
            response: The answer.
            count: How many items the request carried.
            faults: By the place of an item, from 0, why it was refused; what is no place among them is passed over.
        """
        outcomes = [cls.of(response)] * count
        for place, reason in faults.items():
            if type(place) is int and 0 <= place < count:
                outcomes[place] = cls.rejected(reason)
        return outcomes


def _retry_after(response: Response) -> float | None:
    """Return Retry-After in seconds (RFC 9110, 10.2.3); a date counts from the answer's own Date header."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
