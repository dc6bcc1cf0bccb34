"""How pydantic reads a payload: exactly what a field's type says, in pydantic's own Rust, and nothing odd.

What is odd (blank text, a number as text, null in a list) fails here, and is read or left out field by field in
mending.py; so that the events that are as they should be pay for none of it. The rules are those of the table in
plugins/README.md.
"""

from __future__ import annotations

import inspect
from typing import Any

from pydantic_core import core_schema

#: The form of a currency, ISO 4217.
CURRENCY_PATTERN = "^[A-Za-z]{3}$"
# Older releases of pydantic know it of lists alone.
_STOPPING = frozenset({"list", "set", "frozenset", "tuple"}) | (
    {"dict"} if "fail_fast" in inspect.signature(core_schema.dict_schema).parameters else set()
)
# Of a type with these, pydantic's own reading stays.
_CONSTRAINTS = frozenset(
    (
        "pattern",
        "min_length",
        "max_length",
        "strip_whitespace",
        "to_lower",
        "to_upper",
        "strict",
        "ge",
        "gt",
        "le",
        "lt",
    )
) | {"multiple_of", "coerce_numbers_to_str"}
_SPACE = r"[ \t\r\n]*"


def as_read(schema: Any, *, tells_each: bool, is_part: bool) -> Any:
    """Return a schema of pydantic-core whose texts are not blank and whose numbers are numbers.

    Args:
        schema: What pydantic made of a payload's fields.
        is_part: Whether they are those of an object inside a payload. Text of the payload itself comes from the program
            that computes it, which leaves blank text out for less (see language/blank.py).
        tells_each: Whether the outermost lists tell each faulty item; else a list is left at its first fault, as a
            million faulty items would cost a gigabyte of errors.
    """
    if isinstance(schema, (list, tuple)):
        return type(schema)(as_read(part, tells_each=tells_each, is_part=is_part) for part in schema)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    # In a dict of fields, `type` is the name of a field.
    if kind == "str" and not is_part and _CONSTRAINTS.isdisjoint(schema):
        return _GIVEN_TEXT
    if isinstance(kind, str) and (plain := _PLAIN.get(kind)) is not None and _CONSTRAINTS.isdisjoint(schema):
        return plain
    if isinstance(kind, str) and kind == "union" and _is_number(schema):
        return _NUMBER
    is_schema, is_many = isinstance(kind, str), isinstance(kind, str) and kind in _STOPPING
    known = {
        name: part
        if is_schema and name in ("metadata", "default", "cls", "keys_schema")
        else as_read(part, tells_each=tells_each and not is_many, is_part=is_part)
        for name, part in schema.items()
    }
    if kind == "str" and "pattern" not in schema:
        known["pattern"] = r"\S"
        known["metadata"] = _shown(
            {"type": "string"}
            | {
                name: schema[given]
                for name, given in (("minLength", "min_length"), ("maxLength", "max_length"))
                if given in schema
            }
        )
    return known | {"fail_fast": not tells_each} if is_many else known


def _shown(json_schema: dict[str, Any]) -> dict[str, Any]:
    """Return what tells a JSON Schema of a schema: what it takes is what the type says."""
    return {"pydantic_js_functions": [lambda _schema, _handler: dict(json_schema)]}


def _one_of(expected: str, json_type: str, *choices: Any) -> Any:
    return core_schema.union_schema(
        list(choices),
        mode="left_to_right",
        custom_error_type=f"{json_type}_expected",
        custom_error_message=f"expected {expected}",
        metadata=_shown({"type": json_type}),
    )


_DIGITS = core_schema.chain_schema(
    [core_schema.int_schema(strict=True), core_schema.str_schema(coerce_numbers_to_str=True)]
)
# Text as it is; a whole number, as ids often are. Blank text is none.
_TEXT = _one_of("text", "string", core_schema.str_schema(pattern=r"\S"), _DIGITS)
_GIVEN_TEXT = _one_of("text", "string", core_schema.str_schema(strict=True), _DIGITS)
_WHOLE_TEXT = core_schema.str_schema(strict=True, pattern=rf"^{_SPACE}[-+]?[0-9]{{1,400}}{_SPACE}$")
_DECIMAL_TEXT = core_schema.str_schema(
    strict=True, pattern=rf"^{_SPACE}[-+]?([0-9]{{1,400}}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{{1,3}})?{_SPACE}$"
)
_INTEGER = _one_of(
    "a whole number",
    "integer",
    core_schema.int_schema(strict=True),
    core_schema.chain_schema([core_schema.float_schema(strict=True, allow_inf_nan=False), core_schema.int_schema()]),
    core_schema.chain_schema([_WHOLE_TEXT, core_schema.int_schema()]),
)
_FLOAT = _one_of(
    "a number",
    "number",
    core_schema.float_schema(strict=True, allow_inf_nan=False),
    core_schema.chain_schema([_DECIMAL_TEXT, core_schema.float_schema(allow_inf_nan=False)]),
)
# A number that stays as it is: 3 is sent as 3, not as 3.0.
_NUMBER = _one_of(
    "a number",
    "number",
    core_schema.int_schema(strict=True),
    core_schema.float_schema(strict=True, allow_inf_nan=False),
    core_schema.chain_schema([_WHOLE_TEXT, core_schema.int_schema()]),
    core_schema.chain_schema([_DECIMAL_TEXT, core_schema.float_schema(allow_inf_nan=False)]),
)
_PLAIN = {"str": _TEXT, "int": _INTEGER, "float": _FLOAT}


def _is_number(schema: dict[str, Any]) -> bool:
    """Whether a union is `int | float`, bare."""
    choices = schema.get("choices", ())
    kinds = [choice.get("type") for choice in choices if isinstance(choice, dict) and _CONSTRAINTS.isdisjoint(choice)]
    return kinds == ["int", "float"] and len(choices) == 2
