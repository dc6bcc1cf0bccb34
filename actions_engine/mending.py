"""A mapping whose payload was refused -> its call without what could not be read, and notes; or why there is none.

An optional field that cannot be read is no reason to lose a call. What is odd but plain (a number as text, an empty
list for an object) is read; an optional value that is not is left out, and a note says so; a required one, and one
whose type is `Exact`, such as money, rejects the call, as does any where the mapping says `invalid: reject`.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from actions_engine.call import MAX_FAULTS, Call, Fault, Rejection
from actions_engine.errors import PLUGIN_RAISES
from actions_engine.faults import NO_OTHER, Found, Path, findings
from actions_engine.language.blank import is_blank
from actions_engine.language.expression import Expression
from actions_engine.mapping import LEFT_OUT, Mapping
from actions_engine.note import Note
from actions_engine.odd_values import UNREADABLE, as_flag, as_list, as_number, as_object, as_text, plain
from actions_engine.payload import Exact, Payload
from actions_engine.rejection import bounded, fault_of, reason_of, value_at
from actions_engine.wording import counted, kind_of

# Each takes something away or reads it, so that the next sees what stood behind.
_MAX_ROUNDS = 12


def mend(mapping: Mapping, event: dict[str, Any], row: dict[str, Any] | None) -> Call | Rejection:
    """Return the call of a mapping that fired and failed, or why it makes none.

    Args:
        mapping: The mapping.
        event: What it fired for; it is not changed.
        row: Its fields, where they could be computed.
    """
    mender = _Mender(mapping, event)
    payload = None
    try:
        payload = mender.payload(row)
    except PLUGIN_RAISES as cause:
        mender.faults.append(Fault("", "", reason_of(cause)))
    if payload is not None and not mender.faults:
        return Call(mapping, payload, event, mender.told())
    faults = bounded(mender.faults, len(mender.faults) + mender.untold, mender.behind)
    instance = mapping.instance
    return Rejection(faults, instance.destination.name, instance.name, mapping.action.name, mapping.name)


class _Mender:
    def __init__(self, mapping: Mapping, event: dict[str, Any]) -> None:
        self.mapping = mapping
        self.event = event
        self.model: type[Payload] = mapping.action.payload
        self.notes: list[Note] = []
        self.faults: list[Fault] = []
        # Faults that are not told one by one, and what was not looked at.
        self.untold = 0
        self.behind = ""
        self._tried: set[Path] = set()
        # Of fields that may come from one of several places: those that are not tried yet.
        self._others: dict[str, list[Any]] = {}
        # Lists and objects of this row alone, which may be changed; the others are the event's.
        self._own: set[int] = set()

    def told(self) -> tuple[Note, ...]:
        """Return the notes, of many the first and how many more there are."""
        if len(self.notes) <= MAX_FAULTS:
            return tuple(self.notes)
        more = counted(len(self.notes) - MAX_FAULTS, "more value")
        return (*self.notes[:MAX_FAULTS], Note("", "", f"and {more}", self._place("")))

    def payload(self, row: dict[str, Any] | None) -> Payload | None:
        """Return the payload, as far as it can be read; None where there are faults."""
        if row is None:
            row = self._computed()
        self._own.add(id(row))
        for _ in range(_MAX_ROUNDS):
            if self.faults:
                return None
            try:
                return typing.cast(Payload, self.model.__pydantic_validator__.validate_python(row))
            except ValidationError as refused:
                told = findings(self.model, refused, row)
            if told.behind or told.count > len(told.found):
                # Not all is known: nothing is taken away unseen.
                self.faults = [fault_of(found, row) for found in told.found]
                self.untold, self.behind = told.count - len(told.found), told.behind
                return None
            emptied: set[Path] = set()
            for found in told.found:
                self._mend(row, found, emptied)
            # From the inside, as what is taken out of a list moves the items behind it.
            for path in sorted(emptied, key=len, reverse=True):
                self._sweep(row, path)
        self.faults.append(Fault("", "", "it holds too much that cannot be read"))
        return None

    def _computed(self) -> dict[str, Any]:
        """Compute each field by itself; what one raises is its own fault alone."""
        row: dict[str, Any] = {}
        for name in self.mapping.fields:
            try:
                value = self.mapping.compute(name, self.event)
            except PLUGIN_RAISES as cause:
                info = self.model.model_fields[name]
                self._leave_out(name, "", reason_of(cause), may=not info.is_required() and not _is_exact(info))
                continue
            if value is not LEFT_OUT:
                row[name] = value
        return row

    def _mend(self, row: dict[str, Any], found: Found, emptied: set[Path]) -> None:
        """Read a value as what its field takes, or leave it out; or note why neither can be."""
        if not found.path:
            self.faults.append(Fault("", "", found.message))
            return
        if any(value_at(row, found.path[:number]) is LEFT_OUT for number in range(1, len(found.path) + 1)):
            return
        value = None if found.is_missing else value_at(row, found.path)
        if found.into is not NO_OTHER and not self.mapping.rejects_invalid and found.path not in self._tried:
            self._tried.add(found.path)
            self.notes.append(Note(found.field, "", found.message, self._place(str(found.path[0])), change="changed"))
            self._set(row, found.path, found.into)
            return
        if not found.is_missing and found.path not in self._tried:
            self._tried.add(found.path)
            readable = _read(value, found.kinds)
            if readable is not UNREADABLE:
                self._set(row, found.path, readable)
                return
        says_nothing = not found.is_missing and (value is None or is_blank(value))
        is_guessed = len(found.path) == 1 and (found.is_missing or says_nothing or not self._is_exact(found.path[0]))
        if is_guessed and (other := self._other(str(found.path[0]), value)) is not LEFT_OUT:
            name = str(found.path[0])
            self._tried.discard(found.path)
            row[name] = other
            if not found.is_missing and not is_blank(value):
                reason = f"{found.message}; what the next place of its expression holds is taken"
                self._leave_out(name, kind_of(value), reason, may=True, change="changed")
            return
        steps = _steps(self.model, found.path)
        end = next((number for number in range(len(steps), 0, -1) if not steps[number - 1].is_required), 0)
        may = bool(end) and (says_nothing or not any(step.is_exact for step in steps[end - 1 :]))
        if not may:
            self.faults.append(fault_of(found, row))
            return
        path = found.path[:end]
        is_item = isinstance(path[-1], int)
        if end < len(steps) or not says_nothing or is_item:
            if self.mapping.rejects_invalid:
                self.faults.append(fault_of(found, row))
                return
            reason = found.message if end == len(steps) else f"{'.'.join(map(str, found.path[end:]))}: {found.message}"
            self._leave_out(".".join(map(str, path)), kind_of(value_at(row, path)), reason, may=True)
        self._set(row, path, LEFT_OUT)
        emptied.add(path[:-1])

    def _is_exact(self, name: int | str) -> bool:
        info = self.model.model_fields.get(str(name))
        return info is not None and _is_exact(info)

    def _other(self, name: str, value: Any) -> Any:
        """Return what the next place gives that a field may come from (`timestamp || receivedAt`); else LEFT_OUT."""
        if name not in self._others:
            field = self.mapping.fields.get(name)
            self._others[name] = list(_alternatives(field, self.event)) if isinstance(field, Expression) else []
        others = self._others[name]
        while others:
            other = others.pop(0)
            if other is not None and not is_blank(other) and other is not value and other != value:
                return other
        return LEFT_OUT

    def _leave_out(
        self, field: str, found: str, reason: str, *, may: bool, change: Literal["left out", "changed"] = "left out"
    ) -> None:
        if may and not self.mapping.rejects_invalid:
            self.notes.append(Note(field, found, reason, self._place(field.partition(".")[0]), change))
        else:
            self.faults.append(Fault(field, found, reason))

    def _place(self, name: str) -> str:
        return str(self.mapping.places.get(name, self.mapping.location))

    def _set(self, row: Any, path: Path, value: Any) -> None:
        """Put a value where a path leads, in copies of what the event shares."""
        inside: Any = row
        for step in path[:-1]:
            item: Any = inside[step]
            if id(item) not in self._own:
                item = dict(item) if isinstance(item, dict) else list(item)
                self._own.add(id(item))
                inside[step] = item
            inside = item
        inside[path[-1]] = value

    def _sweep(self, row: Any, path: Path) -> None:
        """Take out of an object or list what was left out of it."""
        inside = value_at(row, path)
        if isinstance(inside, dict):
            for name in [name for name, value in inside.items() if value is LEFT_OUT]:
                del inside[name]
        elif isinstance(inside, list):
            inside[:] = [item for item in inside if item is not LEFT_OUT]
            # Their places are others now.
            self._tried = {known for known in self._tried if known[: len(path)] != path}


def must_be_exact(model: type[Payload], path: typing.Sequence[str]) -> bool:
    """Whether a field, given by its path as text, is of a type that rejects what it cannot read."""
    steps: Path = tuple(int(step) if step.isdigit() else step for step in path)
    return any(step.is_exact for step in _steps(model, steps))


def _alternatives(field: Expression, event: dict[str, Any]) -> Iterator[Any]:
    """Yield what each part of `a || b || …` gives, in their order."""
    parts = [field.tree]
    while parts:
        tree = parts.pop(0)
        if tree["type"] == "or_expression":
            parts[:0] = tree["children"]
        elif tree is not field.tree:
            try:
                yield Expression(field.text, tree, field.library, field.can_fail).search(event)
            except PLUGIN_RAISES:
                # What one place holds may be nothing that its function takes; another one may.
                continue


class _Step(typing.NamedTuple):
    is_required: bool
    is_exact: bool


def _steps(model: Any, path: Path) -> tuple[_Step, ...]:
    """Return for each step of a path whether what it leads to must be there, and whether it must be exact."""
    # Of ten thousand items of a list each has the same steps.
    return _steps_of(model, tuple(0 if isinstance(step, int) else step for step in path))


@lru_cache(maxsize=4_096)
def _steps_of(model: Any, path: Path) -> tuple[_Step, ...]:
    return tuple(_walked(model, path))


def _walked(model: Any, path: Path) -> Iterator[_Step]:
    here: list[Any] = [model]
    is_exact = False
    for step in path:
        info = _field(here, step)
        if info is not None:
            is_exact = _is_exact(info)
            yield _Step(info.is_required(), is_exact)
            here = list(_models(info.annotation))
        else:
            # An item of a list, or of an object with any names.
            yield _Step(False, is_exact)


def _field(models: list[Any], name: int | str) -> FieldInfo | None:
    if isinstance(name, int):
        return None
    return next((model.model_fields[name] for model in models if name in model.model_fields), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation names, inside lists too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _is_exact(info: FieldInfo) -> bool:
    return any(isinstance(mark, Exact) for mark in info.metadata) or _names_exact(info.annotation)


def _names_exact(annotation: Any) -> bool:
    if typing.get_origin(annotation) is typing.Annotated and any(isinstance(m, Exact) for m in annotation.__metadata__):
        return True
    return any(_names_exact(argument) for argument in typing.get_args(annotation) if not _is_model(argument))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


_READERS = (
    (frozenset({"number_expected", "float_type", "float_parsing", "finite_number"}), as_number),
    (frozenset({"integer_expected", "int_type", "int_parsing", "int_from_float"}), as_number),
    (frozenset({"string_expected", "string_type", "string_unicode", "string_sub_type"}), as_text),
    (frozenset({"bool_type", "bool_parsing"}), as_flag),
    (frozenset({"object_expected", "dict_type", "model_type", "model_attributes_type"}), as_object),
    (frozenset({"list_expected", "list_type"}), as_list),
)


def _read(value: Any, kinds: frozenset[str]) -> Any:
    """Return what a value plainly means to a field that refused it; UNREADABLE where it means nothing else."""
    for known, read in _READERS:
        if not known.isdisjoint(kinds) and (readable := read(value)) is not UNREADABLE:
            return UNREADABLE if type(readable) is type(value) and readable == value else readable
    simple = plain(value)
    if isinstance(simple, list) and len(simple) == 1 and not isinstance(simple[0], (dict, list)):
        # What a field's own validator refuses may be the one item of a list.
        return plain(simple[0])
    return simple if type(simple) is not type(value) else UNREADABLE
