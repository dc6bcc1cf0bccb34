"""The examples of a mapping: an event, and what the mapping must make of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from actions_engine.errors import ActionsEngineError, Location, did_you_mean
from actions_engine.request import encode_json
from actions_engine.shown import shown
from actions_engine.source import Node, Source

if TYPE_CHECKING:
    from actions_engine.engine import Engine
    from actions_engine.mapping import Mapping

_KEYS = ("event", "expect", "name")


class EventFileError(ActionsEngineError):
    """An example's event file cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One example.

    Attributes:
        name: What it is called: given, or the event file, or its number.
        event: The event itself, or the path of a file that holds it.
        kind: What is expected: some `fields` of the payload, the payload `exactly`, `no match` or a `rejection`.
        expected: The fields, or the text that the rejection's reason must hold.
        location: Where the example stands.
        expectation: Where its `expect` stands.
    """

    name: str
    event: dict[str, Any] | Path
    kind: Literal["fields", "exactly", "no match", "rejection"]
    expected: Any
    location: Location
    expectation: Location

    def read_event(self) -> dict[str, Any]:
        """Return the event.

        Raises:
            EventFileError: its file is missing, or holds no JSON object.
        """
        if isinstance(self.event, dict):
            return self.event
        try:
            event = msgspec.json.decode(self.event.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except OSError as error:
            raise EventFileError(f"{self.event}: {error.strerror or error}") from None
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise EventFileError(f"{self.event}: not JSON: {str(error)[:200]}") from None
        if not isinstance(event, dict):
            raise EventFileError(f"{self.event}: an event is a JSON object")
        return event


def read_examples(source: Source, item: Node) -> tuple[Example, ...]:
    """Read a mapping's examples; problems go to `source`. An example that could not fail is one."""
    node = item.value.get("examples")
    if node is None:
        return ()
    if not node.is_list:
        source.problem("example-shape", f"`examples` is a list, not {node.kind()}", node,
                       hint="each example is {event: …, expect: …}")  # fmt: skip
        return ()
    examples = [_example(source, entry, number) for number, entry in enumerate(node.value, start=1)]
    return tuple(example for example in examples if example is not None)


def _example(source: Source, node: Node, number: int) -> Example | None:
    if not node.is_mapping:
        source.problem("example-shape", f"an example is {{event: …, expect: …}}, not {node.kind()}", node)
        return None
    for key in node.value:
        if key not in _KEYS:
            source.problem("unknown-key", f"an example has no key {key!r}", node.keys[key],
                           hint=did_you_mean(key, _KEYS))  # fmt: skip
    event = _event(source, node)
    expectation = _expectation(source, node)
    if event is None or expectation is None:
        return None
    kind, expected, place = expectation
    named = node.value.get("name")
    name = str(named.value) if named is not None else event.name if isinstance(event, Path) else str(number)
    location = Location(source.path, node.line, node.column)
    return Example(name, event, kind, expected, location, Location(source.path, place.line, place.column))


def _event(source: Source, node: Node) -> dict[str, Any] | Path | None:
    given = node.value.get("event")
    if given is None:
        source.problem("example-shape", "this example has no event", node,
                       hint="add `event:`, a path beside the mapping file or the event itself")  # fmt: skip
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
    hint = "name fields of the payload, `no match`, or {rejected: a part of the reason}"
    if given is None or given.value in ("", None) or (given.is_mapping and not given.value):
        place = given if given is not None else node
        source.problem("example-cannot-fail", "this example expects nothing, so that it cannot fail", place, hint=hint)
        return None
    if given.value == "no match":
        return "no match", None, given
    if not given.is_mapping:
        source.problem("example-shape", f"what is expected is fields or `no match`, not {given.kind()}", given,
                       hint=hint)  # fmt: skip
        return None
    if "rejected" in given.value and len(given.value) == 1:
        reason = given.value["rejected"]
        if not isinstance(reason.value, str) or not reason.value:
            source.problem("example-cannot-fail", "`rejected` takes a part of the reason", reason)
            return None
        return "rejection", reason.value, given
    if "$exactly" in given.value:
        exact = given.value["$exactly"]
        if len(given.value) > 1 or not exact.is_mapping:
            source.problem("example-shape", "`$exactly` stands alone and takes the whole payload", given)
            return None
        return "exactly", exact.plain(), given
    return "fields", given.plain(), given


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one example: it passed where nothing differs.

    Attributes:
        mapping: Whose example it is.
        example: The example.
        differences: What is not as expected, a line each.
    """

    mapping: Mapping
    example: Example
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences

    @property
    def title(self) -> str:
        """Instance, mapping and example in one line."""
        return f"{self.mapping.instance.name} / {self.mapping.name} / {self.example.name}"


def run_examples(engine: Engine) -> Iterator[Result]:
    """Run every example of an engine's mappings through the engine, and yield the results."""
    for mapping in engine.mappings:
        for example in mapping.examples:
            yield run_example(engine, mapping, example)


def run_example(engine: Engine, mapping: Mapping, example: Example) -> Result:
    """Route an example's event and compare what its mapping makes of it with what is expected."""
    try:
        event = example.read_event()
    except EventFileError as error:
        return Result(mapping, example, (str(error),))
    routing = engine.route(event)
    payload = next((_body(call.payload) for call in routing.calls if call.source is mapping), None)
    rejection = next((item.reason for item in routing.rejections if _is_of(item, mapping)), "")
    if payload is None and not rejection:
        return Result(mapping, example, tuple(_unless_silent(engine, mapping, example, event)))
    if example.kind == "no match":
        found = f"it fired, and was rejected: {rejection}" if rejection else f"it fired with {shown(payload, 200)}"
        return Result(mapping, example, ("expected no match", f"found    {found}"))
    if example.kind == "rejection":
        if rejection and example.expected.lower() in rejection.lower():
            return Result(mapping, example, ())
        found = f"rejected: {rejection}" if rejection else f"the payload {shown(payload, 200)}"
        return Result(mapping, example, (f"expected rejected: {example.expected}", f"found    {found}"))
    if payload is None:
        return Result(mapping, example, (f"expected {shown(example.expected, 200)}", f"found    rejected: {rejection}"))
    return Result(mapping, example, tuple(_differences(example, payload)))


def _is_of(rejection: Any, mapping: Mapping) -> bool:
    # An event that is refused as a whole is refused for every mapping.
    return (rejection.instance, rejection.mapping) in ((mapping.instance.name, mapping.name), ("", ""))


def _unless_silent(engine: Engine, mapping: Mapping, example: Example, event: dict[str, Any]) -> Iterator[str]:
    if example.kind == "no match":
        return
    explanation = engine.explain(event, mapping=f"{mapping.instance.name} / {mapping.name}")
    reason = next((trace.reason for trace in explanation.mappings if trace.reason), "")
    what = f"rejected: {example.expected}" if example.kind == "rejection" else shown(example.expected, 200)
    yield f"expected {what}"
    why = f"a plugin dropped the event: {explanation.dropped}" if explanation.dropped else reason
    yield f"found    no match: {why}"


def _body(payload: Any) -> dict[str, Any]:
    # As the vendor sees it: enums, parts and secrets of models are plain JSON here.
    plain: dict[str, Any] = msgspec.json.decode(encode_json(payload.body()))
    return plain


def _differences(example: Example, payload: dict[str, Any]) -> Iterator[str]:
    names = list(example.expected)
    if example.kind == "exactly":
        names += [name for name in payload if name not in example.expected]
    for name in names:
        if name not in example.expected:
            yield f"{name}: expected nothing, found {shown(payload[name], 200)}"
        elif name not in payload:
            yield f"{name}: expected {shown(example.expected[name], 200)}, found nothing"
        else:
            yield from _deep(name, example.expected[name], payload[name])


def _deep(path: str, expected: Any, found: Any) -> Iterator[str]:
    """Yield what differs at a path, going into objects and lists of one length."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            inner = f"{path}.{name}"
            if name not in found:
                yield f"{inner}: expected {shown(expected[name], 200)}, found nothing"
            elif name not in expected:
                yield f"{inner}: expected nothing, found {shown(found[name], 200)}"
            else:
                yield from _deep(inner, expected[name], found[name])
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (left, right) in enumerate(zip(expected, found, strict=True)):
            yield from _deep(f"{path}[{number}]", left, right)
    elif isinstance(expected, bool) is not isinstance(found, bool) or expected != found:
        yield f"{path}: expected {shown(expected, 200)}, found {shown(found, 200)}"
