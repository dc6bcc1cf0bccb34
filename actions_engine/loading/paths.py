"""Paths against the Segment spec: what an expression reads at an event's root and in its context."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from actions_engine.errors import Problem
from actions_engine.language.condition import Condition, Test, conjuncts
from actions_engine.language.expression import Expression
from actions_engine.language.fields import FieldValue
from actions_engine.language.other_words import FUNCTION_WORDS
from actions_engine.spec.tables import CALL_FIELDS, COMMON_FIELDS, CONTEXT_FIELDS, EVENT_TYPES
from actions_engine.wording import did_you_mean

_ROOTS = COMMON_FIELDS.union(*CALL_FIELDS.values())
# What people look for at the root and where the spec has it.
_ELSEWHERE = frozenset({
    "email", "phone", "name", "first_name", "firstName", "last_name", "lastName", "username", "plan", "company",
    "address", "avatar", "birthday", "gender", "age", "title", "website",
})  # fmt: skip


# What people call a user, and what they write for true and false.
_PEOPLE = frozenset({"user", "customer", "person", "profile", "contact", "visitor", "member", "lead", "account"})
_CONSTANTS = frozenset({"yes", "no", "on", "off", "none", "nil", "undefined", "y", "n"})


def path_problems(expression: Expression, types: frozenset[str] | None) -> Iterator[Problem]:
    """Yield what is doubtful about the paths of an expression.

    Args:
        expression: What is read from an event.
        types: The event types that the mapping fires for; None where that is not known.
    """
    reads = list(_reads(expression.tree, True))
    for name, inner in reads:
        at = max(expression.text.find(name), 0)
        if name == "event" and inner is not None:
            meant = expression.text.replace("event.", "", 1)
            hint = f"leave out `event.`: paths begin at the event itself, as in `{meant}`"
            yield _problem("unknown-path", "`event` is the name of a track event, a text with nothing inside", at, hint)
            return
        if name not in _ROOTS:
            yield _problem("unknown-path", f"events have no field {name!r} at their root", at, _root_hint(name))
        elif name == "context" and inner is not None and inner not in CONTEXT_FIELDS:
            close = difflib.get_close_matches(inner.casefold(), [known.casefold() for known in CONTEXT_FIELDS], 1, 0.8)
            if close:
                message = f"the spec's context has no field {inner!r}"
                yield _problem("unknown-path", message, at, did_you_mean(inner, CONTEXT_FIELDS))
    yield from _inside_lists(expression)
    yield from _filters_of_templates(expression)
    if types and reads:
        present = COMMON_FIELDS.union(*(CALL_FIELDS[kind] for kind in types))
        wrong = [name for name, _ in reads if name not in present and name in _ROOTS]
        # `traits || context.traits` serves several kinds of events: one that is there is enough.
        if len(wrong) == len(reads):
            kinds = " or ".join(sorted(types))
            owners = ", ".join(kind for kind in EVENT_TYPES if wrong[0] in CALL_FIELDS[kind])
            yield _problem(
                "path-of-other-type",
                f"{kinds} events have no field {wrong[0]!r}",
                max(expression.text.find(wrong[0]), 0),
                f"it is a field of {owners} events",
            )


def _inside_lists(expression: Expression) -> Iterator[Problem]:
    """Tell of a field of a list: `properties.products.name`; and of the event's root inside one's items."""
    if found := re.search(r"\bproperties\.products\.([A-Za-z_]\w*)", expression.text):
        hint = f"write `properties.products[0].{found[1]}` for the first, `properties.products[].{found[1]}` for all"
        yield _problem("path-through-list", "`properties.products` is a list", found.start(), hint)
    for node in walk(expression.tree):
        if node["type"] in _PROJECTIONS and len(node["children"]) > 1:
            for name, _ in _reads(node["children"][1], True):
                if name in _NOT_OF_ITEMS:
                    message = f"inside a list paths begin at each item, which has no {name!r}"
                    at = expression.text.rfind(name)
                    yield _problem(
                        "unknown-path", message, at, "what is read of the event cannot be told inside the list"
                    )
                    return


def _filters_of_templates(expression: Expression) -> Iterator[Problem]:
    """Tell of a filter as templates elsewhere have them: `name | upcase`."""
    for node in walk(expression.tree):
        if node["type"] == "pipe" and node["children"][-1]["type"] == "field":
            name = node["children"][-1]["value"]
            call = FUNCTION_WORDS.get(name.lower(), "").removeprefix("write ") or (
                f"{name}(x)" if name in _FILTERS else ""
            )
            if call:
                before = expression.text.rpartition("|")[0].strip()
                hint = f"a function is called: `{call.replace('(x)', f'({before})')}`"
                yield _problem(
                    "unknown-path", f"`| {name}` reads a field of that name", expression.text.rfind(name), hint
                )


_PROJECTIONS = frozenset({"projection", "filter_projection", "value_projection"})
# Of the event's own fields those that no item of a list has.
_NOT_OF_ITEMS = frozenset({"properties", "context", "traits", "messageId", "anonymousId", "userId"})
_FILTERS = frozenset({"upper", "lower", "trim", "length", "to_string", "to_number", "sha256", "md5", "url_encode"})


def _problem(code: str, message: str, position: int, hint: str) -> Problem:
    return Problem(code, message, hint=hint, severity="warning", position=position)


def _root_hint(name: str) -> str:
    if name in _ELSEWHERE:
        return f"did you mean `context.traits.{name}`, `traits.{name}` or `properties.{name}`?"
    if name.lower() in _PEOPLE:
        return (
            "what is known of a user stands in `traits` or `context.traits`, details of an event stand in `properties`"
        )
    if name.lower() in _CONSTANTS or not name.strip():
        return f"to send the text itself, write \"'{name}'\" or {{$literal: {name!r}}}"
    hint = did_you_mean(name, _ROOTS)
    return hint or "details of an event stand in `properties`, of a user in `traits` or `context.traits`"


def looks_like_text(field: FieldValue) -> str:
    """Return a hint where a field is a single name that no event has, as text without its quotes is."""
    if not isinstance(field, Expression) or field.tree["type"] != "field":
        return ""
    name = field.tree["value"]
    if name in _ROOTS or name in _ELSEWHERE or did_you_mean(name, _ROOTS):
        return ""
    return f"to send the text itself, write \"'{name}'\" or {{$literal: {name}}}"


def possible_types(condition: Condition) -> frozenset[str] | None:
    """Return the event types for which a condition can hold, None where it does not say."""
    possible: frozenset[str] | None = None
    for part in conjuncts(condition):
        if isinstance(part, Test) and part.expression.path == ("type",) and part.operator.name in ("is", "in"):
            written = part.written if isinstance(part.written, list) else [part.written]
            named = frozenset(kind for kind in written if kind in EVENT_TYPES)
            possible = named if possible is None else possible & named
    return possible


def _reads(node: dict[str, Any], at_root: bool) -> Iterator[tuple[str, str | None]]:
    """Yield each field that is read at the event's root, with the field read inside it where that is said at once."""
    kind, children = node["type"], node.get("children", ())
    if kind == "field":
        if at_root:
            yield node["value"], None
    elif kind == "subexpression":
        first, *rest = children
        if at_root and first["type"] == "field":
            yield first["value"], rest[0]["value"] if rest[0]["type"] == "field" else None
        else:
            yield from _reads(first, at_root)
            if _is_whole(first):
                yield from _reads(rest[0], at_root)
    elif kind in ("projection", "value_projection", "filter_projection", "index_expression", "flatten"):
        yield from _reads(children[0], at_root)
    elif kind == "pipe":
        yield from _reads(children[0], at_root)
        if _is_whole(children[0]):
            yield from _reads(children[1], at_root)
    elif kind == "expref":
        return
    else:
        for child in children:
            if isinstance(child, dict):
                yield from _reads(child, at_root)


def walk(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a syntax tree's nodes."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in node.get("children", ()) if isinstance(child, dict)]


def _is_whole(node: dict[str, Any]) -> bool:
    return node["type"] in ("current", "identity")
