"""What kept a mapping from making its call -> a rejection with its faults, in the words of a mapping's author."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jmespath.exceptions import JMESPathTypeError

from actions_engine.call import MAX_FAULTS, MAX_REASON, Fault, Rejection
from actions_engine.faults import Found, Path
from actions_engine.wording import counted, kind_of, shortened

# What is told of a fault, in characters; a field's name may come from the event.
_MAX_FIELD = 200
_MAX_FAULT = 500


def refusal(reason: str) -> Rejection:
    """Return the rejection of an event as a whole."""
    return Rejection((Fault("", "", shortened(reason, MAX_REASON)),))


def bounded(faults: Sequence[Fault], count: int | None = None, besides: str = "") -> tuple[Fault, ...]:
    """Return the first faults, and one more that says how many of `count` are not told."""
    told = tuple(
        Fault(shortened(fault.field, _MAX_FIELD), fault.found, shortened(fault.reason, _MAX_FAULT))
        for fault in faults[:MAX_FAULTS]
    )
    if more := (len(faults) if count is None else count) - len(told):
        number = f"and {counted(more, 'more fault')}" if told else counted(more, "fault")
        besides = f"{number}{besides and '; '}{besides}"
    return (*told, Fault("", "", besides)) if besides else told


def fault_of(found: Found, row: dict[str, Any]) -> Fault:
    """Return a fault of a row's."""
    if not found.path:
        return Fault("", "", found.message)
    return Fault(found.field, "missing" if found.is_missing else kind_of(value_at(row, found.path)), found.message)


def value_at(row: Any, path: Path) -> Any:
    """Return the value at the end of a path; null where the path ends before."""
    for step in path:
        try:
            row = row[step]
        except (LookupError, TypeError):
            return None
    return row


def reason_of(error: BaseException) -> str:
    """Return what an expression or a plugin raised, without the value that it was raised for."""
    if isinstance(error, RecursionError):
        return "the value is nested too deeply"
    if isinstance(error, JMESPathTypeError):
        # jmespath.py's own message quotes the value, which may be personal.
        expected = " or ".join(sorted(error.expected_types))
        return f"{error.function_name}(): the argument is {error.actual_type}, expected {expected}"
    return str(error)[:500] or type(error).__name__
