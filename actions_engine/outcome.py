"""Outcome: what became of a call that was sent, as a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from actions_engine.request import Response

# Decimals are none of RFC 9110, and several vendors send them.
_SECONDS = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
# A wait beyond a year is a mistake, such as a moment in Unix time: it is taken for an hour, and not for the end.
_BELIEVED = 366 * 86_400.0
_FOR_A_MISTAKE = 3_600.0


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
        if 300 <= status < 400 and (place := _redirected(response)):
            # Whoever follows a write may send it, and its credentials, to a stranger: people must say where it goes.
            return cls.rejected(f"{reason}, which is not followed: {_REDIRECT_REMEDY}: {place}")
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
    """Return Retry-After in seconds, never negative; a date counts from the answer's own Date header.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    text = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        wait = float(text)
    else:
        try:
            wait = (_moment(text) - _moment(response.headers["date"])).total_seconds()
        except (KeyError, ValueError, TypeError, OverflowError):
            return None
    return max(0.0, wait) if wait <= _BELIEVED else _FOR_A_MISTAKE


def _moment(text: str) -> datetime:
    """Read a date of HTTP in any of its three forms; the one of asctime names no zone and means GMT."""
    moment = parsedate_to_datetime(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_REDIRECT_REMEDY = "set the endpoint or region of the settings to where it leads"


def _redirected(response: Response) -> str:
    """Return where a redirect leads, host and path alone: a query may hold what is personal or secret."""
    try:
        parts = urlsplit(response.headers.get("location", "").strip())
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if not parts.hostname:
        return f"{parts.path} on the same host" if parts.path else ""
    # Not cut here: a secret that was cut is known in none of its forms, and delivery masks it.
    return f"{parts.scheme or 'https'}://{parts.hostname}{port}{parts.path}"
