"""Moments as commands show them: ISO 8601 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def shown_moment(seconds: float, *, precisely: bool = False) -> str:
    """Return Unix time as text such as `2026-03-02T10:00:00Z`, with milliseconds where programs read it."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        # A clock that was far off wrote it.
        return f"{seconds:.0f} s since 1970"
    return moment.isoformat(timespec="milliseconds" if precisely else "seconds").replace("+00:00", "Z")
