"""The YAML form of a trigger: a mapping of expression to condition, all of which must hold."""

from __future__ import annotations

from typing import Any as AnyValue

from actions_engine.errors import ExpressionError, Location, TriggerError
from actions_engine.language.condition import All, Any, Condition, Not, make_test, tests
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.keys import MAPPING_KEYS
from actions_engine.language.operators import NEGATIONS, OPERATORS
from actions_engine.language.other_words import OPERATOR_WORDS
from actions_engine.language.trigger_text import parse_text
from actions_engine.loading.source import Node, Source
from actions_engine.spec.tables import EVENT_TYPES
from actions_engine.wording import did_you_mean

#: Levels of `all`, `any` and `not`; each is a level of the code that the trigger becomes.
MAX_DEPTH = 32


def read_trigger(node: Node, source: Source, parser: ExpressionParser) -> Condition | None:
    """Read a trigger in either form; problems go to `source`, and None is returned where there was one."""
    return _TriggerReader(source, parser).condition(node, depth=1)


# What joins conditions elsewhere.
_JOINS: dict[str, str] = {
    **dict.fromkeys(("or", "$or", "either", "some"), "any"),
    **dict.fromkeys(("and", "$and", "every", "both"), "all"),
}


class _TriggerReader:
    def __init__(self, source: Source, parser: ExpressionParser) -> None:
        self.source = source
        self.parser = parser
        # Where the expression stands whose tests are being read.
        self._place: Location | None = None

    def condition(self, node: Node, depth: int) -> Condition | None:
        if isinstance(node.value, str):
            return self._text(node)
        if not node.is_mapping:
            self.source.problem(
                "trigger-shape",
                f"a trigger is a mapping of conditions or text, not {node.kind()}",
                node,
                hint="for example {event: Button Clicked}, or 'type = \"track\"'",
            )
            return None
        if not node.value:
            self.source.problem(
                "trigger-empty",
                "a trigger without conditions would fire on every event",
                node,
                hint="to mean that, write {type: {exists: true}}; leave `trigger` out for the action's default",
            )
            return None
        if depth > MAX_DEPTH:
            self.source.problem("trigger-too-deep", f"conditions nested deeper than {MAX_DEPTH} levels", node)
            return None
        parts = [self._entry(key, node.keys[key], value, depth) for key, value in node.value.items()]
        return _joined(All, parts)

    def _text(self, node: Node) -> Condition | None:
        try:
            condition = parse_text(node.value, self.parser, Location(self.source.path, node.line, node.column))
        except TriggerError as error:
            self.source.problem(error.code, error.message, node, at=error.position, hint=error.hint)
            return None
        return condition

    def _entry(self, key: str, place: tuple[int, int], value: Node, depth: int) -> Condition | None:
        if key in ("all", "any"):
            if not value.is_list or not value.value:
                found = "an empty list" if value.is_list else value.kind()
                self.source.problem("trigger-shape", f"`{key}` takes a list of conditions, not {found}", value)
                return None
            parts = [self.condition(item, depth + 1) for item in value.value]
            return _joined(All if key == "all" else Any, parts)
        if key == "not":
            part = self.condition(value, depth + 1)
            return None if part is None else Not(part)
        if key in _MAPPING_KEYS and not value.is_list:
            hint = f"`{key}:` belongs to the mapping: write it beside `trigger:`, in the same column"
            self.source.problem("unknown-key", f"a trigger has no key {key!r}", place, hint=hint)
            return None
        if (joined := _JOINS.get(key.lower())) and value.is_list:
            self.source.problem("unknown-key", f"a trigger has no key {key!r}", place, hint=f"write `{joined}:`")
            return None
        if value.is_mapping and (key in OPERATORS or key in NEGATIONS) and len(value.value) == 1:
            (path,) = value.value
            hint = f"the expression comes first: `{path}: {{{key}: …}}`"
            message = f"{key!r} is an operator, and stands beneath an expression"
            self.source.problem("unknown-operator", message, place, hint=hint)
            return None
        try:
            expression = self.parser.parse(key)
        except ExpressionError as error:
            if key in OPERATORS or key in NEGATIONS:
                error.hint = "an operator stands beneath the expression that it tests"
            self.source.problem(error.code, error.message, (place[0], place[1] + error.position), hint=error.hint)
            return None
        self._place = Location(self.source.path, *place)
        if value.is_mapping:
            return self._operators(key, expression, value)
        return self._test(expression, "in" if value.is_list else "is", value)

    def _operators(self, key: str, expression: AnyValue, node: Node) -> Condition | None:
        if not node.value:
            self.source.problem("trigger-empty", f"`{key}` has no operator", node, hint="for example {exists: true}")
            return None
        parts: list[Condition | None] = []
        for operator, operand in node.value.items():
            if operator in NEGATIONS:
                test = self._test(expression, NEGATIONS[operator], operand, written_as=operator)
                parts.append(None if test is None else Not(test))
            elif operator == "exists":
                parts.append(self._exists(expression, operand))
            elif operator in OPERATORS:
                parts.append(self._test(expression, operator, operand))
            else:
                hint = _operator_hint(key, operator.lower())
                self.source.problem(
                    "unknown-operator", f"there is no operator {operator!r}", node.keys[operator], hint=hint
                )
                parts.append(None)
        return _joined(All, parts)

    def _exists(self, expression: AnyValue, operand: Node) -> Condition | None:
        if not isinstance(operand.value, bool):
            self.source.problem("operand-type", f"`exists` takes true or false, not {operand.kind()}", operand)
            return None
        test = make_test(expression, "exists", True, self._location(operand), self._place)
        return test if operand.value else Not(test)

    def _test(self, expression: AnyValue, operator: str, operand: Node, written_as: str = "") -> Condition | None:
        written = operand.plain()
        try:
            condition = make_test(expression, operator, written, self._location(operand), self._place)
        except ValueError as error:
            self.source.problem("operand-type", f"`{written_as or operator}` {error}", operand)
            return None
        nodes = operand.value if operand.is_list else [operand]
        for item in nodes:
            message, hint = event_type_problem(condition, item.value)
            if message:
                self.source.problem("unknown-event-type", message, item, at=0, hint=hint)
                return None
        return condition

    def _location(self, node: Node) -> Location:
        return Location(self.source.path, node.line, node.column)


def _operator_hint(key: str, operator: str) -> str:
    if key in _MAPPING_KEYS:
        return f"`{key}:` belongs to the mapping: write it beside `trigger:`, in the same column"
    if word := OPERATOR_WORDS.get(operator):
        return f"write `{{{word}}}`"
    if operator.startswith("not_") and operator[4:] in OPERATORS:
        return f"write it beneath `not:`, as {{not: {{{key}: {{{operator[4:]}: …}}}}}}"
    return did_you_mean(operator, [*OPERATORS, *NEGATIONS])


# Keys of a mapping that no event has at its top.
_MAPPING_KEYS = frozenset(MAPPING_KEYS) - {"name"}


def _joined(kind: type[All] | type[Any], parts: list[Condition | None]) -> Condition | None:
    """Join conditions; None where one of them could not be read, its problem being recorded already."""
    whole = [part for part in parts if part is not None]
    if len(whole) < len(parts):
        return None
    return whole[0] if len(whole) == 1 else kind(tuple(whole))


def event_type_problem(condition: Condition, value: AnyValue) -> tuple[str, str]:
    """Return a message and a hint where `type` is compared with what is no event type, else two empty strings."""
    if value is None or value in EVENT_TYPES:
        return "", ""
    for test in tests(condition):
        if test.expression.path == ("type",) and test.operator.name in ("is", "in"):
            return f"there is no event type {value!r}", did_you_mean(str(value), EVENT_TYPES)
    return "", ""
