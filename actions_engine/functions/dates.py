"""Moments: ISO 8601 text or Unix time in, any form that a vendor wants out. Text without an offset is UTC."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from actions_engine.errors import FunctionError
from actions_engine.spec.moments import read_moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Unix seconds reach this in the year 5138, Unix milliseconds left it behind in 1973.
_FIRST_MILLISECONDS = 100_000_000_000
_DIRECTIVES = frozenset("YmdHMSfjyBbAaIpzZ%")


def to_unix_seconds(subject: str | int | float) -> int:
    """Return Unix time in whole seconds, rounded down.

    Raises:
        FunctionError: the subject is no moment from year 1 to 9999.
    """
    return (_moment(subject) - _EPOCH) // timedelta(seconds=1)


def to_unix_millis(subject: str | int | float) -> int:
    """Return Unix time in whole milliseconds, rounded down.

    Raises:
        FunctionError: the subject is no moment from year 1 to 9999.
    """
    return (_moment(subject) - _EPOCH) // timedelta(milliseconds=1)


def to_iso8601(subject: str | int | float) -> str:
    """Return ISO 8601 text in UTC with milliseconds, such as `2015-12-12T19:11:01.249Z`.

    Raises:
        FunctionError: the subject is no moment from year 1 to 9999.
    """
    return _moment(subject).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_datetime(subject: str | int | float, pattern: str) -> str:
    """Return the moment in UTC by a pattern of strftime's directives.

    They are %Y %y %m %B %b %d %j %A %a, %H %I %p %M %S %f, %z %Z and %%.

    Raises:
        FunctionError: the pattern has another directive or more than 200 characters, or the subject is
            no moment.
    """
    if len(pattern) > 200:
        raise FunctionError("the pattern is longer than 200 characters")
    if not _DIRECTIVES.issuperset(re.findall("%(.?)", pattern, re.DOTALL)):
        raise FunctionError("the pattern has a directive that is not supported")
    return _moment(subject).strftime(pattern)


def _moment(subject: str | float) -> datetime:
    """Read ISO 8601 text, or a number of seconds, or of milliseconds from 100,000,000,000 on."""
    if isinstance(subject, str):
        moment = read_moment(subject.strip())
        if moment is None:
            raise FunctionError("the text is no ISO 8601 date or time, such as 2015-12-12T19:11:01.249Z")
        return moment.astimezone(UTC)
    if not math.isfinite(subject):
        raise FunctionError("the number is no Unix time")
    milliseconds = abs(subject) >= _FIRST_MILLISECONDS
    return _EPOCH + (timedelta(milliseconds=subject) if milliseconds else timedelta(seconds=subject))


FUNCTIONS = (to_unix_seconds, to_unix_millis, to_iso8601, format_datetime)
