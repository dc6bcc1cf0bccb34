"""What kept a mapping from making its call -> a rejection with its faults, in the words of a mapping's author."""

from __future__ import annotations

from typing import Any

from jmespath.exceptions import JMESPathTypeError
from pydantic import ValidationError

from actions_engine.call import Fault, Rejection
from actions_engine.language.fields import evaluate
from actions_engine.mapping import Mapping
from actions_engine.wording import kind_of


def refusal(reason: str) -> Rejection:
    """Return the rejection of an event as a whole."""
    return Rejection((Fault("", "", reason),))


def rejection_of(mapping: Mapping, event: dict[str, Any], error: BaseException) -> Rejection:
    """Return why a mapping that fired made no call.

    Args:
        mapping: The mapping.
        event: What it fired for.
        error: What computing its fields or validating its payload raised.
    """
    faults = _validation_faults(error) if isinstance(error, ValidationError) else _field_faults(mapping, event, error)
    instance = mapping.instance
    return Rejection(faults, instance.destination.name, instance.name, mapping.action.name, mapping.name)


def _validation_faults(error: ValidationError) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            ".".join(str(step) for step in fault["loc"]),
            "missing" if fault["type"] == "missing" else kind_of(fault["input"]) if fault["loc"] else "",
            fault["msg"].removeprefix("Value error, "),
        )
        for fault in error.errors(include_url=False, include_context=False)
    )


def _field_faults(mapping: Mapping, event: dict[str, Any], error: BaseException) -> tuple[Fault, ...]:
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
