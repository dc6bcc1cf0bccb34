"""Field values as the mapping gives them -> what each one computes.

A string is a JMESPath expression, a string holding `{{ … }}` a template, a number, boolean or null itself; a mapping or
a list is built recursively and `{$literal: …}` is taken as it stands. `evaluate` is the plain reading of these rules;
`program.py` compiles the same tree, and a property test shows that both agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from actions_engine.errors import ExpressionError
from actions_engine.language.expression import Expression, ExpressionParser

# How many `}}` a hole may hold before the one that ends it: each is tried.
_MAX_ENDS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A value that is the same for every event."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Text with holes, each an expression."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """An object whose fields are computed; one that yields null is left out."""

    fields: tuple[tuple[str, FieldValue], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list whose items are computed; one that yields null is left out."""

    items: tuple[FieldValue, ...]


FieldValue = Constant | Expression | Template | Record | Items


def evaluate(field: FieldValue, event: Any) -> Any:
    """Compute a field's value on an event.

    Raises:
        FunctionError, jmespath.exceptions.JMESPathError: a function was given a value that it does not take.
    """
    match field:
        case Constant(value):
            return value
        case Expression():
            return field.search(event)
        case Template(parts):
            return "".join(part if isinstance(part, str) else as_text(part.search(event)) for part in parts)
        case Record(fields):
            computed = ((name, value, evaluate(value, event)) for name, value in fields)
            return {name: result for name, value, result in computed if not is_left_out(value, result)}
        case Items(items):
            return [result for item in items if not is_left_out(item, result := evaluate(item, event))]


def is_left_out(field: FieldValue, result: Any) -> bool:
    """Whether a computed value is left out: null is, unless the mapping says null in so many words."""
    return result is None and not isinstance(field, Constant)


def as_text(value: Any) -> str:
    """Render a value in a template: text as it is, nothing for null, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def written(field: FieldValue) -> str:
    """Return a field as a mapping would give it, in one line."""
    match field:
        case Constant(value):
            shown = as_text(value) if not isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            return shown or "null"
        case Expression(text=text):
            return text
        case Template(parts):
            return "".join(part if isinstance(part, str) else f"{{{{ {part.text} }}}}" for part in parts)
        case Record(fields):
            return "{" + ", ".join(f"{name}: {written(value)}" for name, value in fields) + "}"
        case Items(items):
            return "[" + ", ".join(written(item) for item in items) + "]"


def parse_template(text: str, parser: ExpressionParser) -> Template:
    """Read text with `{{ … }}` holes.

    Raises:
        ExpressionError: a hole holds no expression or has no end; its position counts from the start of the text.
    """
    parts: list[str | Expression] = []
    end = 0
    while (start := text.find("{{", end)) >= 0:
        expression, after = _parse_hole(text, start, parser)
        parts += [text[end:start], expression]
        end = after
    parts.append(text[end:])
    return Template(tuple(part for part in parts if part != ""))


def _parse_hole(text: str, start: int, parser: ExpressionParser) -> tuple[Expression, int]:
    """Read the hole at `start`; return its expression and where the text goes on.

    An expression may itself hold `}}`, in quotes or at the end of nested braces: the first `}}` that leaves an
    expression before it ends the hole.
    """
    failure: ExpressionError | None = None
    end = start
    for _ in range(_MAX_ENDS):
        end = text.find("}}", end + 2 if end == start else end + 1)
        if end < 0:
            break
        inner = text[start + 2 : end]
        try:
            return parser.parse(inner.strip()), end + 2
        except ExpressionError as error:
            position = start + 2 + len(inner) - len(inner.lstrip()) + error.position
            hint = error.hint if inner.strip() else ""
            failure = failure or ExpressionError(error.code, error.message, position, hint)
    raise failure or ExpressionError("template-syntax", "this `{{` has no `}}`", start)


def parse_field_text(text: str, parser: ExpressionParser) -> FieldValue:
    """Read a field given as a string: a template where it has a hole, else an expression.

    Raises:
        ExpressionError: it is neither.
    """
    return parse_template(text, parser) if "{{" in text else parser.parse(text)
