"""Moments: the one reader of ISO 8601 text. Source: https://segment.com/docs/connections/spec/common/#timestamps."""

from __future__ import annotations

from datetime import UTC, datetime

# A timestamp has no more characters; longer text is not looked at.
_MAX_CHARACTERS = 40


def read_moment(text: str) -> datetime | None:
    """Return the moment that ISO 8601 text names, a date or a date with time; None where it is neither.

    Without an offset it is in UTC.
    """
    if len(text) > _MAX_CHARACTERS or not text[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
