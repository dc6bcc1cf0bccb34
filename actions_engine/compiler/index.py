"""The trigger index: which mappings fire for an event.

Each trigger is filed under conditions that it cannot hold without: an equality where it has one, else a prefix, a
suffix or the existence of a value; what nothing can be filed for is looked at for every event. An event is looked up
in each table that is in use; the buckets found name a *plan*, a compiled function that tests what remains of the
triggers in those buckets, each distinct condition once. Plans are made when they are first needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any as AnyValue

from actions_engine.compiler.filing import Filing, cost, filings
from actions_engine.compiler.program import ProgramWriter, compile_expression
from actions_engine.functions import Library
from actions_engine.language.condition import All, Any, Condition, Not, Test, conjuncts
from actions_engine.language.expression import Expression
from actions_engine.odd_values import of_kind

Decide = Callable[[AnyValue], tuple[int, ...]]

#: Beyond so many remembered plans, or triggers in one plan, buckets are decided one after the other.
MAX_PLANS = 2_000
MAX_PLAN_TRIGGERS = 64


@dataclass(slots=True)
class _Table:
    """Buckets of one kind for one expression; bucket numbers count over the whole index, 0 is none."""

    expression: Expression
    kind: str
    buckets: dict[AnyValue, int] = field(default_factory=dict)

    def lookup(self) -> Callable[[AnyValue], AnyValue]:
        """Return the function from a value to the bucket's number, or to a tuple of several."""
        return _LOOKUPS[self.kind](self.buckets)


class Index:
    """Finds the triggers that hold for an event.

    Args:
        triggers: The triggers; `fired` names them by their place.
        library: The functions that they call.
    """

    def __init__(self, triggers: Sequence[Condition], library: Library) -> None:
        self._triggers = triggers
        self._library = library
        self._always: list[int] = []
        # For each bucket, each trigger in it with the condition that the bucket stands for.
        self._buckets: list[list[tuple[int, str]]] = [[]]
        self._tables: dict[tuple[str, str], _Table] = {}
        self._file_all()
        self._plans: dict[tuple[AnyValue, ...], Decide] = {}
        self._singles: dict[int, Decide] = {}
        self._residual: Decide | None = None
        find = self._compile("return {found}")
        is_plain = all(_is_plain(table) for table in self._tables.values())
        # The guard costs more than the look-up: it is left out where nothing inside can raise.
        self._find = find if is_plain else self._guarded(find)
        #: From an event to the numbers of the triggers that hold, in ascending order.
        self.fired: Decide = (
            self._compile("return (plans.get(found := {found}) or plan(found))(event)") if is_plain else self._fired
        )

    def _fired(self, event: dict[str, AnyValue]) -> tuple[int, ...]:
        found = self._find(event)
        return (self._plans.get(found) or self._plan(found))(event)

    def candidates(self, event: dict[str, AnyValue]) -> tuple[int, ...]:
        """Return the numbers of the triggers that the tables do not rule out, in ascending order."""
        numbers = set(self._always)
        for bucket in _flat(self._find(event)):
            numbers.update(number for number, _ in self._buckets[bucket])
        return tuple(sorted(numbers))

    # -- filing

    def _file_all(self) -> None:
        options = [filings(trigger) for trigger in self._triggers]
        popularity = Counter(
            (filing.expression, filing.kind, filing.value)
            for alternatives in options
            for filing in {(f.expression, f.kind, f.value): f for group in alternatives for f in group}.values()
        )
        for number, alternatives in enumerate(options):
            if not alternatives:
                self._always.append(number)
                continue
            chosen = min(alternatives, key=lambda group: max(cost(filing, popularity) for filing in group))
            # A test of 20,000 values is filed 20,000 times, and its key holds them all: it is written once.
            keys = {test.key for test in {id(filing.test): filing.test for filing in chosen}.values()}
            discharged = keys.pop() if len(keys) == 1 else None
            joined = "" if discharged is None else "\n".join(discharged)
            for filing in chosen:
                bucket = self._bucket(filing)
                # A glob is filed by its literal start, which is a part of what it asks: it is still to be tested.
                # A trigger filed twice in one bucket (`any` of two equal tests) is decided once.
                if all(known != number for known, _ in self._buckets[bucket]):
                    key = "" if filing.test.operator.name == "matches" else joined
                    self._buckets[bucket].append((number, key))

    def _bucket(self, filing: Filing) -> int:
        table = self._tables.setdefault((filing.expression, filing.kind), _Table(filing.test.expression, filing.kind))
        bucket = table.buckets.get(filing.value)
        if bucket is None:
            bucket = table.buckets[filing.value] = len(self._buckets)
            self._buckets.append([])
        return bucket

    def _compile(self, last: str) -> Callable[[AnyValue], AnyValue]:
        """Compile the look-up of an event in every table; `last` ends it, given a tuple of bucket numbers."""
        code = ProgramWriter("find", "event", self._library)
        code.constants |= {"plans": self._plans, "plan": self._plan}
        results: list[str] = []
        for table in self._tables.values():
            value = _safe_value(code, table.expression)
            lookup = code.fresh("k")
            code.constants[lookup] = table.lookup()
            if table.kind == "text":
                code.constants[lookup] = table.buckets
                code.constants[f"odd_{lookup}"] = table.lookup()
                odd = f"0 if {value} is None else odd_{lookup}({value})"
                results.append(f"{lookup}.get({value}, 0) if type({value}) is str else {odd}")
            else:
                results.append(f"{lookup}({value})")
        code.line(last.format(found=f"({''.join(f'{result}, ' for result in results)})"))
        return code.compile().function

    def _guarded(self, find: Callable[[AnyValue], AnyValue]) -> Callable[[AnyValue], AnyValue]:
        def guarded(event: AnyValue) -> AnyValue:
            try:
                return find(event)
            except Exception:  # noqa: BLE001 - one odd value must not hide the event's other fields
                return tuple(table.lookup()(_value(table.expression, event)) for table in self._tables.values())

        return guarded

    # -- plans

    def _plan(self, found: tuple[AnyValue, ...]) -> Decide:
        buckets = _flat(found)
        entries = [entry for bucket in buckets for entry in self._buckets[bucket]]
        small = len(entries) + len(self._always) <= MAX_PLAN_TRIGGERS
        if small and len(self._plans) < MAX_PLANS:
            plan = self._decide([*entries, *((number, "") for number in self._always)])
            self._plans[found] = plan
            return plan
        return self._one_after_the_other(buckets)

    def _one_after_the_other(self, buckets: list[int]) -> Decide:
        parts: list[Decide] = []
        if self._always:
            if self._residual is None:
                self._residual = self._decide([(number, "") for number in self._always])
            parts.append(self._residual)
        for bucket in buckets:
            if bucket not in self._singles:
                self._singles[bucket] = self._decide(self._buckets[bucket])
            parts.append(self._singles[bucket])
        return lambda event: tuple(sorted({number for part in parts for number in part(event)}))

    def _decide(self, entries: list[tuple[int, str]]) -> Decide:
        """Compile what remains of some triggers to a function that returns the numbers of those that hold."""
        remaining: dict[int, list[Condition]] = {}
        for number, discharged in entries:
            parts = [
                part
                for part in conjuncts(self._triggers[number])
                if not (discharged and isinstance(part, Test) and "\n".join(part.key) == discharged)
            ]
            if number not in remaining or len(parts) < len(remaining[number]):
                remaining[number] = parts
        numbers = tuple(sorted(remaining))
        if not any(remaining.values()):
            return lambda _event: numbers
        code = _Decision(self._library)
        code.decide([(number, remaining[number]) for number in numbers])
        compiled = code.compile().function
        if code.is_safe:
            return compiled
        triggers = self._triggers

        def decide(event: AnyValue) -> tuple[int, ...]:
            try:
                fired: tuple[int, ...] = compiled(event)
            except Exception:  # noqa: BLE001 - the evaluator takes each condition that raises as not held
                return tuple(number for number in numbers if triggers[number].holds(event))
            return fired

        return decide


class _Decision(ProgramWriter):
    """Code that tests conditions, each distinct test once."""

    def __init__(self, library: Library) -> None:
        super().__init__("decide", "event", library)
        self._tests: dict[tuple[str, str, str], str] = {}
        # Whether no value can make the code raise: paths, compared with text or tested for existence.
        self.is_safe = True

    def decide(self, entries: list[tuple[int, list[Condition]]]) -> None:
        """Return the numbers whose conditions all hold."""
        always = [number for number, parts in entries if not parts]
        conditions = [(number, " and ".join(map(self._condition, parts))) for number, parts in entries if parts]
        if len({condition for _, condition in conditions}) == 1:
            # The commonest plan: some always fire, the others together. Its answers are constants.
            self.line(f"return {tuple(number for number, _ in entries)} if {conditions[0][1]} else {tuple(always)}")
            return
        self.line(f"fired = {always}")
        for number, condition in conditions:
            self.line(f"if {condition}: fired.append({number})")
        # Those that always fire came first; calls keep the order of the files.
        self.line("fired.sort()" if always else "")
        self.line("return tuple(fired)")

    def _condition(self, condition: Condition) -> str:
        match condition:
            case Test():
                return self._test(condition)
            case Not(part):
                return f"(not {self._condition(part)})"
            case All(parts):
                return f"({' and '.join([self._condition(part) for part in parts])})"
            case Any(parts):
                return f"({' or '.join([self._condition(part) for part in parts])})"

    def _test(self, test: Test) -> str:
        held = self._tests.get(test.key)
        if held is None:
            value = _safe_value(self, test.expression)
            self.is_safe = self.is_safe and test.expression.path is not None
            held = self._tests[test.key] = self.fresh("c")
            self.line(f"{held} = {self._test_of(test, value)}")
        return held

    def _test_of(self, test: Test, value: str) -> str:
        name, operand = test.operator.name, test.operand
        if name == "exists":
            return f"{value} is not None"
        if name == "is" and isinstance(operand, bool):
            return f"{value} is {operand}"
        if name == "is" and isinstance(operand, str):
            odd = self.bind(test.holds_for)
            otherwise = f"{value} is not None and {odd}({value})"
            return f"{value} == {self.constant(operand)} if type({value}) is str else {otherwise}"
        holds = self.fresh("k")
        self.constants[holds] = test.holds_for
        return f"{value} is not None and {holds}({value})"


def _safe_value(code: ProgramWriter, expression: Expression) -> str:
    """Compute an expression that may raise apart from the rest: then it counts as missing."""
    if not expression.can_fail:
        return code.variable(code.expression(expression.tree, "event"))
    search = code.fresh("k")
    code.constants[search] = _Safe(compile_expression(expression).function)
    return code.keep(("safe", expression.text), f"{search}(event)")


class _Safe:
    """A compiled expression that gives None where it raises."""

    __slots__ = ("search",)

    def __init__(self, search: Callable[[AnyValue], AnyValue]) -> None:
        self.search = search

    def __call__(self, event: AnyValue) -> AnyValue:
        try:
            return self.search(event)
        except Exception:  # noqa: BLE001 - see Test: it counts as missing
            return None


def _value(expression: Expression, event: AnyValue) -> AnyValue:
    try:
        return expression.search(event)
    except Exception:  # noqa: BLE001 - see Test: it counts as missing
        return None


def _flat(found: tuple[AnyValue, ...]) -> list[int]:
    buckets: list[int] = []
    for bucket in found:
        if isinstance(bucket, tuple):
            buckets.extend(bucket)
        elif bucket:
            buckets.append(bucket)
    return buckets


# -- looking a value up, one function for each kind of table

_Lookup = Callable[[AnyValue], AnyValue]


def _by_text(buckets: dict[AnyValue, int]) -> _Lookup:
    return lambda value: 0 if (text := of_kind(str, value)) is None else buckets.get(text, 0)


def _by_number(buckets: dict[AnyValue, int]) -> _Lookup:
    def lookup(value: AnyValue) -> int:
        number = of_kind((int, float), value)
        return 0 if number is None or isinstance(number, bool) else buckets.get(number, 0)

    return lookup


def _by_boolean(buckets: dict[AnyValue, int]) -> _Lookup:
    return lambda value: buckets.get(value, 0) if isinstance(value, bool) else 0


def _by_existence(buckets: dict[AnyValue, int]) -> _Lookup:
    bucket = buckets[True]
    return lambda value: 0 if value is None else bucket


def _by_prefix(buckets: dict[AnyValue, int]) -> _Lookup:
    lengths = sorted({len(prefix) for prefix in buckets})

    def lookup(value: AnyValue) -> tuple[int, ...]:
        value = of_kind(str, value)
        if value is None:
            return ()
        return tuple(
            buckets[start] for length in lengths if (start := value[:length]) in buckets and length <= len(value)
        )

    return lookup


def _by_suffix(buckets: dict[AnyValue, int]) -> _Lookup:
    lengths = sorted({len(suffix) for suffix in buckets})

    def lookup(value: AnyValue) -> tuple[int, ...]:
        value = of_kind(str, value)
        if value is None:
            return ()
        return tuple(buckets[end] for length in lengths if length <= len(value) and (end := value[-length:]) in buckets)

    return lookup


_LOOKUPS: dict[str, Callable[[dict[AnyValue, int]], _Lookup]] = {
    "text": _by_text, "number": _by_number, "boolean": _by_boolean,
    "exists": _by_existence, "prefix": _by_prefix, "suffix": _by_suffix,
}  # fmt: skip


def _is_plain(table: _Table) -> bool:
    return table.kind == "text" and table.expression.path is not None
