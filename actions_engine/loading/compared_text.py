"""Text that a trigger compares as it stands, and that was meant otherwise: `">= 100"`, `Order *`, `A or B`."""

from __future__ import annotations

import re

from actions_engine.language.condition import Test
from actions_engine.spec.tables import ORDER_PROPERTIES, PRODUCT_PROPERTIES, TRACK_PROPERTIES

_SIGN = re.compile(r"(>=|<=|>|<|==|!=|=)\s*(.+)")
_SIGNS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "is", "==": "is", "!=": "is_not"}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EITHER = re.compile(r"(\S.*\S) (?:or|OR|\|\|?) (\S.*\S)|(\w[\w ]*\w)\|(\w[\w ]*\w)")
_NUMBERS = frozenset(
    name
    for properties in (TRACK_PROPERTIES, ORDER_PROPERTIES, PRODUCT_PROPERTIES)
    for name, kind in properties.items()
    if kind == "number"
)
_WORDS = {"exists": "exists: true", "missing": "exists: false", "not exists": "exists: false", "empty": "exists: false"}


def misread(test: Test, value: str) -> tuple[str, str]:
    """Return what a compared text was probably meant for, and the line to write; two empty texts where it may be meant.

    Args:
        test: The test that compares with it.
        value: The text, as the mapping gives it.
    """
    path, text = test.expression.text, value.strip()
    if test.operator.name == "matches":
        if re.search(r"^\^|\$$|\\[dws]|\[[^\]]+\]|\([^)]*\|", text):
            return (
                "this is a glob, and reads as a regular expression",
                "in a glob `*` is any text and `?` one character",
            )
        return "", ""
    if (sign := _SIGN.fullmatch(text)) and (_NUMBER.fullmatch(sign[2].strip()) or sign[1] in ("!=", "==")):
        return "this is compared as text, sign and all", f"write `{path}: {{{_SIGNS[sign[1]]}: {sign[2].strip()}}}`"
    if text.lower() in _WORDS and test.expression.path != ("event",):
        return f"this compares with the text {text!r}", f"write `{path}: {{{_WORDS[text.lower()]}}}`"
    if text.startswith("not ") and len(text) > 5:
        return "this is compared as text, `not` and all", f"write `{path}: {{is_not: {text[4:]}}}`"
    if test.expression.path == ("event",) and (found := _EITHER.fullmatch(text)):
        either, other = (part for part in found.groups() if part)
        if " " not in either or " " not in other:
            # `Trial or Demo Requested` is a name that somebody may have given.
            return "", ""
        return "this is compared as one text", f"write `{path}: [{either}, {other}]`: equals one of the list"
    if "*" in text and not text.startswith("**") and re.search(r"\w", text):
        return "`*` is compared as it stands", f"write `{path}: {{matches: {text!r}}}`, where `*` is any text"
    last = test.expression.path[-1] if test.expression.path else ""
    if _NUMBER.fullmatch(text) and last in _NUMBERS and len(test.expression.path or ()) > 1:
        return (
            f"`{path}` is a number in the spec, which text never equals",
            f"write it without quotes: `{path}: {text}`",
        )
    return "", ""
