"""A mapping's `examples:` -> events, each with what the mapping must make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actions_engine.errors import Location
from actions_engine.language.keys import EXAMPLE_KEYS
from actions_engine.loading.source import Node, Source
from actions_engine.mapping import Example
from actions_engine.wording import did_you_mean


def read_examples(source: Source, item: Node) -> tuple[Example, ...]:
    """Read a mapping's examples; problems go to `source`. An example that could not fail is one."""
    node = item.value.get("examples")
    if node is None:
        return ()
    if not node.is_list:
        source.problem(
            "example-shape",
            f"`examples` is a list, not {node.kind()}",
            node,
            hint="each example is {event: …, expect: …}",
        )
        return ()
    examples = [_example(source, entry, number) for number, entry in enumerate(node.value, start=1)]
    return tuple(example for example in examples if example is not None)


def _example(source: Source, node: Node, number: int) -> Example | None:
    if not node.is_mapping:
        source.problem("example-shape", f"an example is {{event: …, expect: …}}, not {node.kind()}", node)
        return None
    for key in node.value:
        if key not in EXAMPLE_KEYS:
            source.problem(
                "unknown-key", f"an example has no key {key!r}", node.keys[key], hint=did_you_mean(key, EXAMPLE_KEYS)
            )
    event = _event(source, node)
    expectation = _expectation(source, node)
    if event is None or expectation is None:
        return None
    kind, expected, place = expectation
    noted = _notes(source, node.value["expect"])
    named = node.value.get("name")
    name = str(named.value) if named is not None else event.name if isinstance(event, Path) else str(number)
    location = Location(source.path, node.line, node.column)
    return Example(name, event, kind, expected, location, Location(source.path, place.line, place.column), noted)


def _notes(source: Source, expect: Node) -> tuple[str, ...] | None:
    """Return what `$notes` of an expectation names: the fields that the call goes out without."""
    given = expect.value.get("$notes") if expect.is_mapping else None
    if given is None:
        return None
    if not given.is_list or not all(isinstance(item.value, str) for item in given.value):
        source.problem("example-shape", f"`$notes` is a list of payload fields, not {given.kind()}", given)
        return None
    return tuple(item.value for item in given.value)


def _event(source: Source, node: Node) -> dict[str, Any] | Path | None:
    given = node.value.get("event")
    if given is None:
        source.problem(
            "example-shape",
            "this example has no event",
            node,
            hint="add `event:`, a path beside the mapping file or the event itself",
        )
        return None
    if given.is_mapping:
        event: dict[str, Any] = given.plain()
        return event
    if isinstance(given.value, str) and given.value:
        return Path(source.path).parent / given.value
    source.problem("example-shape", f"an event is a path or an object, not {given.kind()}", given)
    return None


def _expectation(source: Source, node: Node) -> tuple[Any, Any, Node] | None:
    given = node.value.get("expect")
    hint = "name fields of the payload, `$notes`, `no match`, or {rejected: a part of the reason}"
    if given is None or given.value in ("", None) or (given.is_mapping and not given.value):
        place = given if given is not None else node
        source.problem("example-cannot-fail", "this example expects nothing, so that it cannot fail", place, hint=hint)
        return None
    if given.value == "no match":
        return "no match", None, given
    if not given.is_mapping:
        source.problem(
            "example-shape", f"what is expected is fields or `no match`, not {given.kind()}", given, hint=hint
        )
        return None
    if "rejected" in given.value and len(given.value) == 1:
        reason = given.value["rejected"]
        if not isinstance(reason.value, str) or not reason.value:
            source.problem("example-cannot-fail", "`rejected` takes a part of the reason", reason)
            return None
        return "rejection", reason.value, given
    if "$exactly" in given.value:
        exact = given.value["$exactly"]
        if given.value.keys() - {"$exactly", "$notes"} or not exact.is_mapping:
            source.problem("example-shape", "`$exactly` stands alone and takes the whole payload", given)
            return None
        return "exactly", exact.plain(), given
    return "fields", {name: value for name, value in given.plain().items() if name != "$notes"}, given
