"""Conditions that can never hold, or always do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any as AnyValue
from typing import NamedTuple

from actions_engine.language.condition import All, Any, Condition, Not, Test

#: Alternatives of nested `any` that are tried; beyond, a condition is taken to be possible.
_MAX_BRANCHES = 64
# The types of values on which an operator can hold.
_TEXT, _LIST, _NUMBER, _BOOLEAN = "text", "a list", "a number", "a boolean"


class Contradiction(NamedTuple):
    """Why conditions cannot all hold, and the test that fails with the others."""

    reason: str
    test: Test
    hint: str = ""


class _Literal(NamedTuple):
    test: Test
    is_negated: bool

    def describe(self) -> str:
        return (Not(self.test) if self.is_negated else self.test).describe()


def contradiction(condition: Condition) -> Contradiction | None:
    """Return why a condition can hold on no event; None where one may be."""
    return _impossible(list(_flat(condition, is_negated=False)), _MAX_BRANCHES)


def always_holds(condition: Condition) -> str:
    """Return why a condition holds on every event, empty where one may fail."""
    found = _impossible(list(_flat(condition, is_negated=True)), _MAX_BRANCHES)
    return f"its opposite cannot be, {found.reason}" if found else ""


def _flat(condition: Condition, *, is_negated: bool) -> Iterator[_Literal | tuple[tuple[Condition, bool], ...]]:
    """Yield what must all hold: tests, and groups of which one part must hold."""
    match condition:
        case Test():
            yield _Literal(condition, is_negated)
        case Not(part):
            yield from _flat(part, is_negated=not is_negated)
        case All(parts) if not is_negated:
            for part in parts:
                yield from _flat(part, is_negated=False)
        case Any(parts) if is_negated:
            for part in parts:
                yield from _flat(part, is_negated=True)
        case All(parts) | Any(parts):
            yield tuple((part, is_negated) for part in parts)


def _impossible(parts: list[_Literal | tuple[tuple[Condition, bool], ...]], branches: int) -> Contradiction | None:
    literals = [part for part in parts if isinstance(part, _Literal)]
    groups = [part for part in parts if not isinstance(part, _Literal)]
    found = _clash(literals)
    if found is not None or not groups:
        return found
    group, *rest = groups
    if len(group) > branches:
        return None
    first: Contradiction | None = None
    for condition, is_negated in group:
        chosen = [*literals, *rest, *_flat(condition, is_negated=is_negated)]
        inner = _impossible(chosen, branches // max(len(group), 1))
        if inner is None:
            return None
        first = first or inner
    return None if first is None else Contradiction(f"no alternative can hold, the first as {first.reason}", first.test)


def _clash(literals: list[_Literal]) -> Contradiction | None:
    by_expression: dict[str, list[_Literal]] = {}
    for literal in literals:
        by_expression.setdefault(literal.test.expression.text, []).append(literal)
    for same in by_expression.values():
        found = _clash_of_one(same)
        if found is not None:
            return found
    return None


def _clash_of_one(literals: list[_Literal]) -> Contradiction | None:
    """Find two conditions on one expression, or one and all others, that no value meets."""
    positive = [literal for literal in literals if not literal.is_negated]
    for literal in literals:
        if not literal.is_negated:
            continue
        for other in positive:
            # Every positive condition asks for a value, so none holds where there is none.
            if literal.test.operator.name == "exists" or literal.test.key == other.test.key:
                return _between(other, literal)
    for literal in positive:
        operator = literal.test.operator.name
        if operator in ("is", "in"):
            wanted = literal.test.written if isinstance(literal.test.written, list) else [literal.test.written]
            for other in literals:
                if other is not literal and not any(_meets(value, other) for value in wanted):
                    return _between(literal, other)
            if not any(all(_meets(value, other) for other in literals) for value in wanted):
                return Contradiction(f"no value of {literal.describe()} meets the other conditions", literal.test)
    for number, literal in enumerate(positive):
        for other in positive[number + 1 :]:
            if _kinds(literal.test).isdisjoint(_kinds(other.test)) or _apart(literal.test, other.test):
                return _between(literal, other)
    return None


def _between(one: _Literal, other: _Literal) -> Contradiction:
    hint = ""
    names = {one.test.operator.name, other.test.operator.name}
    if names <= {"is", "in"} and not (one.is_negated or other.is_negated):
        hint = "to mean either, write a list of values or `any`"
    return Contradiction(f"{one.describe()} and {other.describe()} exclude each other", other.test, hint)


def _meets(value: AnyValue, literal: _Literal) -> bool:
    return (value is not None and literal.test.holds_for(value)) is not literal.is_negated


def _kinds(test: Test) -> frozenset[str]:
    match test.operator.name:
        case "starts_with" | "ends_with" | "matches":
            return frozenset({_TEXT})
        case "contains":
            return frozenset({_TEXT, _LIST} if isinstance(test.written, str) else {_LIST})
        case "gt" | "gte" | "lt" | "lte":
            return frozenset({_TEXT if isinstance(test.written, str) else _NUMBER})
    return frozenset({_TEXT, _LIST, _NUMBER, _BOOLEAN})


def _apart(one: Test, other: Test) -> bool:
    """Whether two conditions leave no value between them: bounds the wrong way round, prefixes that differ."""
    names = one.operator.name, other.operator.name
    if names == ("starts_with", "starts_with"):
        return not (one.written.startswith(other.written) or other.written.startswith(one.written))
    if names == ("ends_with", "ends_with"):
        return not (one.written.endswith(other.written) or other.written.endswith(one.written))
    lower = next((test for test in (one, other) if test.operator.name in ("gt", "gte")), None)
    upper = next((test for test in (one, other) if test.operator.name in ("lt", "lte")), None)
    if lower is None or upper is None:
        return False
    strict = lower.operator.name == "gt" or upper.operator.name == "lt"
    return bool(lower.operand > upper.operand or (strict and lower.operand == upper.operand))
