"""The examples of mappings, run: each event through the engine, and what became of it against what is expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from actions_engine.authoring.differences import MISSING, Difference, differences
from actions_engine.call import Call
from actions_engine.engine import Engine
from actions_engine.errors import InputError
from actions_engine.inputs.line import BOM, decode_event
from actions_engine.mapping import Example, Mapping
from actions_engine.request import encode_json
from actions_engine.wording import shown, shown_apart

# Characters of a value in a difference.
_WIDTH = 200


def read_event(example: Example) -> dict[str, Any]:
    """Return an example's event.

    Raises:
        InputError: its file is missing, or holds no event.
    """
    if isinstance(example.event, dict):
        return example.event
    try:
        return decode_event(example.event.read_bytes().removeprefix(BOM))
    except OSError as error:
        raise InputError(f"{example.event}: {error.strerror or error}") from None
    except InputError as error:
        raise InputError(f"{example.event}: {error}", error.code) from None


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


def run_example(engine: Engine, mapping: Mapping, example: Example) -> Result:
    """Route an example's event and compare what its mapping makes of it with what is expected."""
    try:
        event = read_event(example)
    except InputError as error:
        return Result(mapping, example, (str(error),))
    routing = engine.route(event)
    call = next((call for call in routing.calls if call.source is mapping), None)
    payload = None if call is None else _body(call.payload)
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
    if payload is None or call is None:
        return Result(mapping, example, (f"expected {shown(example.expected, 200)}", f"found    rejected: {rejection}"))
    differences = [*_differences(example, payload), *_other_notes(example, call)]
    # Why a field is not there is what whoever expected it wants to know.
    told = [f"note: {note}" for note in call.notes] if differences else []
    return Result(mapping, example, (*differences, *told))


def _other_notes(example: Example, call: Call) -> Iterator[str]:
    """Yield how the fields of a call's notes are others than expected."""
    if example.notes is None:
        return
    found = list(dict.fromkeys(note.field for note in call.notes))
    if sorted(found) != sorted(set(example.notes)):
        yield f"$notes: expected {shown(list(example.notes), _WIDTH)}, found {shown(found, _WIDTH)}"


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
    for found in differences(example.expected, payload, same=_is_same):
        # An example names the fields that matter to it: others may be there, but not inside of those that it names.
        if example.kind == "exactly" or found.old is not MISSING or found.path not in payload:
            yield _told(found)


def _told(found: Difference) -> str:
    if found.old is MISSING:
        return f"{found.path}: expected nothing, found {shown(found.new, _WIDTH)}"
    if found.new is MISSING:
        return f"{found.path}: expected {shown(found.old, _WIDTH)}, found nothing"
    expected, there = shown_apart(found.old, found.new, _WIDTH)
    return f"{found.path}: expected {expected}, found {there}"


def _is_same(expected: Any, found: Any) -> bool:
    # YAML's 1 is as good as JSON's 1.0, and neither is true.
    return isinstance(expected, bool) is isinstance(found, bool) and bool(expected == found)
