"""A file's mappings -> what is wrong or probably not meant in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actions_engine.errors import Location
from actions_engine.language.condition import All, Any, Condition, Not, Test, tests
from actions_engine.language.expression import Expression
from actions_engine.language.fields import Constant, FieldValue, Items, Record, Template, written
from actions_engine.loading.compared_text import misread
from actions_engine.loading.contradictions import always_holds, contradiction
from actions_engine.loading.literals import literal_problem
from actions_engine.loading.paths import looks_like_text, path_problems, possible_types
from actions_engine.loading.source import Node, Source
from actions_engine.mapping import Mapping


@dataclass(frozen=True, slots=True)
class Checked:
    """A mapping that was read, and the node that it was read from; a preset stands at its name."""

    mapping: Mapping
    node: Node
    is_preset: bool = False
    is_enabled: bool = True


def check_file(source: Source, mappings: Sequence[Checked]) -> None:
    """Check the mappings of one file; problems go to `source`."""
    for checked in mappings:
        if not checked.is_preset:
            _check_fields(source, checked)
        _check_trigger(source, checked)
    _check_repeats(source, mappings)


def _check_fields(source: Source, checked: Checked) -> None:
    mapping, given = checked.mapping, checked.node.value.get("fields")
    if given is None:
        return
    types = possible_types(mapping.condition)
    for key, node in given.value.items():
        name = mapping.action.renamed_fields.get(key, key)
        field = mapping.fields.get(name)
        if field is None:
            continue
        problem = literal_problem(mapping.action.payload, name, field)
        if problem is not None:
            source.problem("field-value", problem.message, node, hint=problem.hint)
        elif hint := looks_like_text(field):
            message = f"this reads the event's field {node.value!r}, which no event of the spec has"
            source.problem("unquoted-text", message, node, at=0, hint=hint, severity="warning")
        else:
            for expression, place in _expressions(field, node):
                for found in path_problems(expression, types):
                    source.problem(
                        found.code, found.message, place, at=found.position, hint=found.hint, severity="warning"
                    )


def _expressions(field: FieldValue, node: Node) -> Iterator[tuple[Expression, Node]]:
    """Yield each expression of a field with the node that it stands in."""
    match field:
        case Expression():
            yield field, node
        case Template(parts):
            for part in parts:
                if isinstance(part, Expression):
                    # Where the hole stands in the text is not kept: the caret points at the text's start.
                    yield part, Node(node.value, node.line, node.column)
        case Record(fields) if node.is_mapping:
            for name, value in fields:
                yield from _expressions(value, node.value[name])
        case Items(items) if node.is_list:
            for value, item in zip(items, node.value, strict=True):
                yield from _expressions(value, item)
        case Constant() | Record() | Items():
            pass


def _check_trigger(source: Source, checked: Checked) -> None:
    mapping = checked.mapping
    at = checked.node.value.get("trigger", checked.node) if checked.node.is_mapping else checked.node
    found = contradiction(mapping.condition)
    if found is not None:
        place = _place(found.test.location, source) or at
        source.problem(
            "never-fires", f"this mapping can never fire: {found.reason}", place, severity="warning", hint=found.hint
        )
        return
    if checked.is_preset or "trigger" not in checked.node.value:
        return
    for part in _parts(mapping.trigger):
        if reason := always_holds(part):
            test = next(tests(part), None)
            place = (test and _place(test.location, source)) or at
            source.problem(
                "always-holds",
                f"this condition always holds: {reason}",
                place,
                severity="warning",
                hint="leave it out, or mend it",
            )
    for test in tests(mapping.trigger):
        if test.operator.name == "exists" and test.expression.tree["type"] in _LISTS:
            source.problem(
                "empty-list-exists",
                f"`{test.expression.text}` is a list, and an empty one exists: this holds where nothing is found",
                _place(test.place or test.location, source) or at,
                severity="warning",
                hint=f"ask for its first item: `{_first_item(test.expression.text)}`",
            )
        for value in test.written if isinstance(test.written, (list, tuple)) else (test.written,):
            message, hint = (
                misread(test, value)
                if test.operator.name in ("is", "in", "matches") and isinstance(value, str)
                else ("", "")
            )
            if message:
                place = _place(test.location, source) or at
                source.problem("text-compared", message, place, severity="warning", hint=hint)
    types = possible_types(mapping.condition)
    for test in tests(mapping.trigger):
        for problem in path_problems(test.expression, types if test.expression.path != ("type",) else None):
            place = _place(test.place or test.location, source) or at
            source.problem(problem.code, problem.message, place, hint=problem.hint, severity="warning")


# What yields a list wherever there is one to look through, be nothing found.
_LISTS = frozenset({"projection", "filter_projection", "value_projection", "flatten"})


def _first_item(text: str) -> str:
    return f"{text} | [0]"


def _parts(condition: Condition) -> Iterator[Condition]:
    """Yield a condition and every condition inside it that is no single test."""
    if isinstance(condition, Test):
        return
    yield condition
    for part in (condition.part,) if isinstance(condition, Not) else condition.parts:
        yield from _parts(part)


def _place(location: Location | None, source: Source) -> tuple[int, int] | None:
    return (location.line, location.column) if location is not None and location.path == source.path else None


def _check_repeats(source: Source, mappings: Sequence[Checked]) -> None:
    """Find mappings of one action that fire on the same events."""
    first: dict[tuple[str, str], Checked] = {}
    for checked in mappings:
        if not checked.is_enabled:
            continue
        mapping = checked.mapping
        other = first.setdefault((mapping.action.name, _key(mapping.condition)), checked)
        if other is checked or other.mapping.name == mapping.name or _make_others(mapping, other.mapping):
            continue
        named = f"{other.mapping.name!r} in line {other.node.line}"
        if _same_fields(mapping, other.mapping):
            message = f"{mapping.name!r} does just what {named} does"
        else:
            message = f"{mapping.name!r} fires on the same events, for the same action, as {named}"
        node = checked.node.value.get("trigger", checked.node) if checked.node.is_mapping else checked.node
        source.problem(
            "repeated-mapping",
            message,
            node,
            severity="warning",
            hint="each event is sent twice; remove one or narrow its trigger",
        )


def _key(condition: Condition) -> str:
    """Return text that is equal where conditions are, whatever the order of their parts."""
    match condition:
        case Test():
            return repr(condition.key)
        case Not(part):
            return f"not {_key(part)}"
        case All(parts) | Any(parts):
            joined = sorted({_key(part) for part in parts})
            return joined[0] if len(joined) == 1 else f"{type(condition).__name__}({'; '.join(joined)})"


def _make_others(mapping: Mapping, other: Mapping) -> bool:
    """Whether two mappings make different things of one event: a field is another fixed value in each."""
    for name, field in mapping.fields.items():
        its = other.fields.get(name)
        if isinstance(field, Constant) and isinstance(its, Constant) and field.value != its.value:
            return True
    return False


def _same_fields(mapping: Mapping, other: Mapping) -> bool:
    return {name: written(field) for name, field in mapping.fields.items()} == {
        name: written(field) for name, field in other.fields.items()
    }
