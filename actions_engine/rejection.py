"""What kept a mapping from making its call -> a rejection with its faults, in the words of a mapping's author."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any

from jmespath.exceptions import JMESPathTypeError
from pydantic import BaseModel, ValidationError

from actions_engine.call import MAX_FAULTS, MAX_REASON, Fault, Rejection
from actions_engine.language.fields import evaluate
from actions_engine.mapping import Mapping
from actions_engine.payload import Payload, telling_each
from actions_engine.wording import counted, kind_of, shortened

# What is told of a fault, in characters; a field's name may come from the event.
_MAX_FIELD = 200
_MAX_FAULT = 500
# pydantic takes some 15 µs to tell an error: of more it is not asked.
_MAX_ERRORS = 5_000
# In longer lists the first faulty item alone is told.
_SHORT_LIST = 1_000
_DEPTH = 8


def refusal(reason: str) -> Rejection:
    """Return the rejection of an event as a whole."""
    return Rejection((Fault("", "", shortened(reason, MAX_REASON)),))


def rejection_of(
    mapping: Mapping, event: dict[str, Any], error: BaseException, row: dict[str, Any] | None = None
) -> Rejection:
    """Return why a mapping that fired made no call.

    Args:
        mapping: The mapping.
        event: What it fired for.
        error: What computing its fields or validating its payload raised.
        row: The fields that were validated, where it got so far.
    """
    if isinstance(error, ValidationError):
        faults = _validation_faults(mapping.action.payload, error, row or {})
    else:
        faults = _bounded(_field_faults(mapping, event, error))
    instance = mapping.instance
    return Rejection(faults, instance.destination.name, instance.name, mapping.action.name, mapping.name)


def _bounded(faults: Sequence[Fault], count: int | None = None, besides: str = "") -> tuple[Fault, ...]:
    """Return the first faults, and one more that says how many of `count` are not told."""
    told = tuple(
        Fault(shortened(fault.field, _MAX_FIELD), fault.found, shortened(fault.reason, _MAX_FAULT))
        for fault in faults[:MAX_FAULTS]
    )
    if more := (len(faults) if count is None else count) - len(told):
        number = f"and {counted(more, 'more fault')}" if told else counted(more, "fault")
        besides = f"{number}{besides and '; '}{besides}"
    return (*told, Fault("", "", besides)) if besides else told


def _validation_faults(model: type[Payload], error: ValidationError, row: dict[str, Any]) -> tuple[Fault, ...]:
    longest = 0
    if error.error_count() <= _MAX_ERRORS:
        # The model left each list at its first fault: what stands behind is looked at where it is little.
        first = error.errors(include_url=False, include_context=False)
        longest = max((_longest_list(fault["loc"], row) for fault in first), default=0)
        if longest and longest <= _SHORT_LIST:
            error = _telling_each(model, row) or error
    count = error.error_count()
    if count > _MAX_ERRORS:
        # Nothing but an object with thousands of unknown fields has so many: a few of each tell the same.
        error = _telling_each(model, _with_few_fields(row, model)) or error
    faults = [
        Fault(
            ".".join(str(step) for step in fault["loc"]),
            "missing" if fault["type"] == "missing" else kind_of(fault["input"]) if fault["loc"] else "",
            fault["msg"].removeprefix("Value error, "),
        )
        for fault in (
            error.errors(include_url=False, include_context=False) if error.error_count() <= _MAX_ERRORS else ()
        )
    ]
    behind = f"a list of {longest:,} items is not read beyond its first fault" if longest > _SHORT_LIST else ""
    return _bounded(faults, count, behind)


def _telling_each(model: type[Payload], row: dict[str, Any]) -> ValidationError | None:
    try:
        telling_each(model).__pydantic_validator__.validate_python(row)
    except ValidationError as error:
        return error
    return None


def _longest_list(loc: Sequence[int | str], row: Any) -> int:
    """Return the length of the longest list on the way to a fault, 0 where there is none."""
    longest = 0
    for step in loc:
        if isinstance(row, list) and isinstance(step, int):
            longest = max(longest, len(row))
            row = row[step] if step < len(row) else None
        elif isinstance(row, dict):
            # A step that is in no object names an alternative of the model.
            row = row.get(step, row)
    return longest


def _with_few_fields(row: dict[str, Any], model: type[Payload]) -> dict[str, Any]:
    """Return a row whose objects have at most twenty fields that no model knows."""
    known: set[str] = set()
    waiting: list[Any] = [model]
    seen: set[Any] = set()
    while waiting:
        kind = waiting.pop()
        if kind in seen:
            continue
        seen.add(kind)
        waiting += typing.get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known.update(kind.model_fields)
            waiting += (info.annotation for info in kind.model_fields.values())

    def few(value: Any, depth: int) -> Any:
        if depth > _DEPTH:
            return value
        if isinstance(value, list):
            return [few(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        others = [name for name in value if name not in known]
        return {name: few(value[name], depth + 1) for name in [*known.intersection(value), *others[:MAX_FAULTS]]}

    return {name: few(value, 1) for name, value in row.items()}


def _field_faults(mapping: Mapping, event: dict[str, Any], error: BaseException) -> Sequence[Fault]:
    """Find the fields whose computation raises by computing each alone."""
    faults: list[Fault] = []
    for name, field in mapping.fields.items():
        try:
            evaluate(field, event)
        except Exception as cause:  # noqa: BLE001 - see above
            faults.append(Fault(name, "", reason_of(cause)))
    return tuple(faults) or (Fault("", "", reason_of(error)),)


def reason_of(error: BaseException) -> str:
    """Return what an expression or a plugin raised, without the value that it was raised for."""
    if isinstance(error, RecursionError):
        return "the value is nested too deeply"
    if isinstance(error, JMESPathTypeError):
        # jmespath.py's own message quotes the value, which may be personal.
        expected = " or ".join(sorted(error.expected_types))
        return f"{error.function_name}(): the argument is {error.actual_type}, expected {expected}"
    return str(error)[:500] or type(error).__name__
