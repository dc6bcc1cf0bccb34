"""Moments in, as text or Unix time (see spec/moments.py), any form that a vendor wants out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from actions_engine.errors import FunctionError
from actions_engine.spec.moments import read_moment, read_unix_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    """Read the text of a moment, or Unix time by its size: seconds, milliseconds, microseconds or nanoseconds."""
    if isinstance(subject, str):
        moment = read_moment(subject)
        if moment is None:
            raise FunctionError("the text is no date or time, such as 2015-12-12T19:11:01.249Z")
        return moment.astimezone(UTC)
    moment = read_unix_time(subject)
    if moment is None:
        raise FunctionError("the number is no Unix time")
    return moment


FUNCTIONS = (to_unix_seconds, to_unix_millis, to_iso8601, format_datetime)
