"""Outcome: what became of a call that was sent, as a value."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Literal

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
