"""A field of a mapping as YAML gives it -> what computes it."""

from __future__ import annotations

from actions_engine.errors import ExpressionError
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.fields import Constant, FieldValue, Items, Record, parse_field_text
from actions_engine.loading.source import Node, Source


def read_field(node: Node, source: Source, parser: ExpressionParser) -> FieldValue | None:
    """Read a field's value; problems go to `source`, and None is returned where there was one."""
    value = node.value
    if isinstance(value, str):
        try:
            return parse_field_text(value, parser)
        except ExpressionError as error:
            source.problem(error.code, error.message, node, at=error.position, hint=error.hint)
            return None
    if isinstance(value, list):
        items = [read_field(item, source, parser) for item in value]
        whole = [item for item in items if item is not None]
        return Items(tuple(whole)) if len(whole) == len(items) else None
    if not isinstance(value, dict):
        return Constant(value)
    if "$literal" in value:
        if len(value) > 1:
            source.problem("field-shape", "`$literal` stands alone in its mapping", node)
            return None
        return Constant(value["$literal"].plain())
    for name in value:
        if name.startswith("$"):
            source.problem(
                "field-shape", f"there is no directive {name!r}", node.keys[name], hint="did you mean '$literal'?"
            )
            return None
    fields = [(name, read_field(item, source, parser)) for name, item in value.items()]
    read = tuple((name, field) for name, field in fields if field is not None)
    return Record(read) if len(read) == len(fields) else None
