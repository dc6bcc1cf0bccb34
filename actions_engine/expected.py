"""What pydantic expected of a value, in the words of a mapping's author."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actions_engine.payload_schema import CURRENCY_PATTERN

_EXPECTED = {
    "missing": "it is required",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "dict_type": "expected an object",
    "list_type": "expected a list",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "string_type": "expected text",
    "extra_forbidden": "there is no such field",
}


def expected_of(faults: Sequence[Any]) -> str:
    """Say once what several types of one field expect."""
    messages = [_EXPECTED.get(fault["type"]) or _form(fault) or _plain_words(fault["msg"]) for fault in faults]
    first, *others = dict.fromkeys(messages)
    expected = [other.removeprefix("expected ") for other in others if other.startswith("expected ")]
    return " or ".join([first, *expected]) if first.startswith("expected ") else first


def _form(fault: Any) -> str:
    """Say what form text must have; of what everybody knows by another name than its pattern, by that one."""
    if fault["type"] != "string_pattern_mismatch":
        return ""
    pattern = fault["ctx"]["pattern"]
    return _FORMS.get(pattern) or f"expected text of the form {pattern}"


_FORMS = {CURRENCY_PATTERN: "expected a currency's three letters, such as EUR", r"\S": "expected text"}


def _plain_words(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be ", "expected ", 1)
