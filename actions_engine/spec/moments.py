"""Moments: the one reader of what events call a date or a time.

Source: https://segment.com/docs/connections/spec/common/#timestamps for ISO 8601; RFC 2822 (mail and HTTP), the text of
JavaScript's `Date`, and Unix time are what libraries and spreadsheets write in its place.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# A timestamp has no more characters; longer text is not looked at.
_MAX_CHARACTERS = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Numbers below these are seconds, milliseconds, microseconds, nanoseconds: each unit reaches the year 5138 there.
_UNITS = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))
_DIGITS = re.compile(r"-?[0-9]{9,20}(\.[0-9]{1,9})?")
# ISO 8601 without hyphens is a date from these centuries; any other digits are Unix time.
_BASIC_DATE = re.compile(r"(19|20)[0-9]{6}")
# `Tue Dec 12 2015 19:11:01 GMT+0100 (Central European Standard Time)`: ECMA-262, Date.prototype.toString.
_JAVASCRIPT = re.compile(
    r"(?:[A-Z][a-z]{2} )?(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2}) (?P<year>\d{4})(?: (?P<time>\d{2}:\d{2}:\d{2})"
    r"(?: (?:GMT|UTC)(?P<offset>[+-]\d{4})?)?(?: \([^)]*\))?)?"
)


def read_moment(text: str) -> datetime | None:
    """Return the moment that text names; None where it names none.

    It is ISO 8601 (a date, or a date and a time after a `T` or a blank), RFC 2822, the text of JavaScript's `Date`, or
    the digits of Unix time. Without an offset it is in UTC.
    """
    text = text.strip()
    if not text or len(text) > _MAX_CHARACTERS:
        return None
    if _DIGITS.fullmatch(text):
        return read_unix_time(float(text) if "." in text else int(text))
    moment = None
    if text[:4].isdigit() and (len(text) != 8 or _BASIC_DATE.fullmatch(text)):
        moment = _iso(text)
    elif text[:1].isalpha() or "," in text or text[:1].isdigit():
        moment = _javascript(text) or _mail(text)
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_unix_time(number: float) -> datetime | None:
    """Return the moment of Unix time in seconds, milliseconds, microseconds or nanoseconds, by its size."""
    if not math.isfinite(number):
        return None
    per_second = next((unit for limit, unit in _UNITS if abs(number) < limit), None)
    if per_second is None:
        return None
    if isinstance(number, int):
        return _EPOCH + timedelta(microseconds=number * 10**6 // per_second)
    return _EPOCH + timedelta(microseconds=round(number * (10**6 / per_second)))


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _mail(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _javascript(text: str) -> datetime | None:
    found = _JAVASCRIPT.fullmatch(text)
    if found is None:
        return None
    day = found.group("month", "day", "year")
    written = " ".join((*day, found["time"] or "00:00:00", found["offset"] or "+0000"))
    try:
        return datetime.strptime(written, "%b %d %Y %H:%M:%S %z")
    except ValueError:
        return None
