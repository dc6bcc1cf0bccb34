"""The condition tree, its evaluator and its words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any as AnyValue

from actions_engine.errors import Location
from actions_engine.language.expression import Expression
from actions_engine.language.operators import OPERATORS, Operator


@dataclass(frozen=True, slots=True)
class Test:
    """One expression tested by one positive operator.

    An expression that cannot be evaluated on an event (a function given a value that it does not take) counts as
    missing, so that a trigger holds or does not hold on every event and the order of its conditions never matters.

    Attributes:
        expression: What is looked at.
        operator: How.
        written: The operand as the mapping gives it, plain data.
        operand: The operand prepared for the operator.
        location: Where the operand stands, None for a plugin's.
        place: Where the expression stands, None likewise.
    """

    __test__ = False  # it is no test class, whatever pytest makes of the name

    expression: Expression
    operator: Operator
    written: AnyValue
    operand: AnyValue
    location: Location | None = field(default=None, compare=False)
    place: Location | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal keys mean equal outcomes on every event."""
        # JSON keeps 1, 1.0, true and "1" apart, which Python's equality does not.
        return self.expression.text, self.operator.name, json.dumps(self.written)

    def value(self, event: AnyValue) -> AnyValue:
        """Return the value that is tested, None where it is missing or cannot be computed."""
        try:
            return self.expression.search(event)
        except Exception:  # noqa: BLE001 - whatever a function raises, the value is missing
            return None

    def holds(self, event: AnyValue) -> bool:
        """Whether the condition is met."""
        value = self.value(event)
        return value is not None and self.holds_for(value)

    def holds_for(self, value: AnyValue) -> bool:
        """Whether a value that is not null meets the condition."""
        try:
            return self.operator.holds(value, self.operand)
        except (ArithmeticError, RecursionError):
            return False

    def describe(self) -> str:
        """Return the condition as a clause of a sentence."""
        if self.operator.name == "exists":
            return f"`{self.expression.text}` exists"
        return f"`{self.expression.text}` {self.operator.phrase} {_spelled(self.written)}"


@dataclass(frozen=True, slots=True)
class All:
    """Holds where every part holds."""

    parts: tuple[Condition, ...]

    def holds(self, event: AnyValue) -> bool:
        """Whether every part holds."""
        return all(part.holds(event) for part in self.parts)

    def describe(self) -> str:
        """Return the condition as a clause of a sentence."""
        return " and ".join(_nested(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Any:
    """Holds where at least one part holds."""

    parts: tuple[Condition, ...]

    def holds(self, event: AnyValue) -> bool:
        """Whether some part holds."""
        return any(part.holds(event) for part in self.parts)

    def describe(self) -> str:
        """Return the condition as a clause of a sentence."""
        return " or ".join(_nested(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its part does not."""

    part: Condition

    def holds(self, event: AnyValue) -> bool:
        """Whether the part does not hold."""
        return not self.part.holds(event)

    def describe(self) -> str:
        """Return the condition as a clause of a sentence."""
        if isinstance(self.part, Test) and self.part.operator.name == "exists":
            return f"`{self.part.expression.text}` does not exist"
        if isinstance(self.part, Test):
            verb, _, rest = self.part.operator.phrase.partition(" ")
            negated = "is not" if verb == "is" else f"does not {_VERBS[verb]}"
            words = f"{negated} {rest}" if rest else negated
            return f"`{self.part.expression.text}` {words} {_spelled(self.part.written)}"
        return f"not ({self.part.describe()})"


Condition = Test | All | Any | Not


def tests(condition: Condition) -> Iterator[Test]:
    """Yield every test of a condition in the order in which it is written."""
    match condition:
        case Test():
            yield condition
        case Not(part):
            yield from tests(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from tests(part)


def conjuncts(condition: Condition) -> Iterator[Condition]:
    """Yield the conditions that must all hold, nested `all` taken apart."""
    if isinstance(condition, All):
        for part in condition.parts:
            yield from conjuncts(part)
    else:
        yield condition


def make_test(
    expression: Expression,
    operator: str,
    written: AnyValue,
    location: Location | None = None,
    place: Location | None = None,
) -> Condition:
    """Build a positive test; equality with null is absence.

    Raises:
        ValueError: the operator does not take this operand; the message says what it takes.
    """
    if operator == "is" and written is None:
        return Not(make_test(expression, "exists", True, location, place))
    if operator == "in" and written == [None]:
        return make_test(expression, "is", None, location, place)
    if operator == "in" and isinstance(written, list) and None in written:
        present = [item for item in written if item is not None]
        some = make_test(expression, "in", present, location, place)
        return Any((some, make_test(expression, "is", None, location, place)))
    kind = OPERATORS[operator]
    return Test(expression, kind, written, kind.prepare(written), location, place)


_VERBS = {"contains": "contain", "starts": "start", "ends": "end", "matches": "match"}


def _nested(part: Condition) -> str:
    return f"({part.describe()})" if isinstance(part, (All, Any)) and len(part.parts) > 1 else part.describe()


def _spelled(written: AnyValue) -> str:
    if isinstance(written, list):
        return ", ".join(_spelled(item) for item in written)
    return json.dumps(written, ensure_ascii=False)
