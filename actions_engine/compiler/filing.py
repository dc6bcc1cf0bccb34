"""What a trigger can be filed under: the conditions that it cannot hold without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any as AnyValue
from typing import NamedTuple

from actions_engine.language.condition import Any, Condition, Test, conjuncts

# A bucket of up to this many triggers is as good as a smaller one: a further table would cost every event.
_SMALL = 16
# `event` tells events apart best, `type` worst.
_FIRST, _LAST = "event", "type"


class Filing(NamedTuple):
    """A condition that a trigger needs: an expression's value in one bucket of one kind of table."""

    expression: str
    kind: str
    value: AnyValue
    test: Test


def filings(trigger: Condition) -> list[tuple[Filing, ...]]:
    """Return the ways to file a trigger; each is a group of filings of which the trigger needs one to hold."""
    ways: list[tuple[Filing, ...]] = []
    for part in conjuncts(trigger):
        if isinstance(part, Test):
            group = tuple(_test_filings(part))
            if group:
                ways.append(group)
        elif isinstance(part, Any):
            branches = [filings(branch) for branch in part.parts]
            if all(branches):
                ways.append(tuple(filing for branch in branches for filing in branch[0]))
    return ways


def _test_filings(test: Test) -> Iterator[Filing]:
    expression, operand = test.expression.text, test.operand
    match test.operator.name:
        case "is":
            yield Filing(expression, *_equality(operand), test)
        case "in":
            for item in operand:
                yield Filing(expression, *_equality(item), test)
        case "exists":
            yield Filing(expression, "exists", True, test)
        case "starts_with":
            yield Filing(expression, "prefix", operand, test)
        case "ends_with":
            yield Filing(expression, "suffix", operand, test)
        case "matches":
            stem = _literal_start(operand.pattern)
            if stem:
                yield Filing(expression, "prefix", stem, test)


def _equality(value: AnyValue) -> tuple[str, AnyValue]:
    # Python's 1 == True would mix buckets that the language keeps apart.
    if isinstance(value, bool):
        return "boolean", value
    return ("text" if isinstance(value, str) else "number"), value


def _literal_start(pattern: str) -> str:
    ends = [place for place in (pattern.find("*"), pattern.find("?")) if place >= 0]
    return pattern[: min(ends)] if ends else pattern


_KIND_COST = {"text": 0, "number": 0, "boolean": 10, "prefix": 20, "suffix": 30, "exists": 40}


def cost(filing: Filing, popularity: Counter[tuple[str, str, AnyValue]]) -> tuple[int, int, int]:
    """Return how much a filing costs, to be compared: crowded buckets most, then kinds that are slow to look up."""
    crowd = popularity[filing.expression, filing.kind, filing.value]
    rank = {_FIRST: 0, _LAST: 2}.get(filing.expression, 1)
    return max(crowd, _SMALL), _KIND_COST[filing.kind] + rank, crowd
