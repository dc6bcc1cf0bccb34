"""A field that a vendor reads as markup -> the same, with what its expressions find escaped.

A finished text no longer shows what the mapping wrote and what the event said; here both can be told apart.
"""

from __future__ import annotations

from actions_engine.language.expression import Expression
from actions_engine.language.fields import Constant, FieldValue, Items, Record, Template

_ESCAPE = "escape_markup"


def escaped(field: FieldValue) -> FieldValue:
    """Return a field whose expressions escape what they find: `<!channel>` of an event is text then."""
    match field:
        case Expression():
            return _call(field)
        case Template(parts):
            return Template(tuple(part if isinstance(part, str) else _call(part) for part in parts))
        case Items() | Record():
            return _inside(field)
    return field


def _inside(field: FieldValue) -> FieldValue:
    match field:
        case Items(items):
            return Items(tuple(_inside(item) for item in items))
        case Record(fields):
            is_markup = any(
                name == "type" and isinstance(value, Constant) and value.value == "mrkdwn" for name, value in fields
            )
            return Record(
                tuple(
                    (name, escaped(value) if is_markup and name == "text" else _inside(value)) for name, value in fields
                )
            )
    return field


def _call(expression: Expression) -> Expression:
    tree = {"type": "function_expression", "value": _ESCAPE, "children": [expression.tree]}
    # A literal is the mapping's own text.
    return (
        expression
        if expression.tree["type"] == "literal"
        else Expression(expression.text, tree, expression.library, can_fail=True)
    )
