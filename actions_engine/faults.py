"""What pydantic finds wrong with a payload -> faults by field, each once, in the words of a mapping's author."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from actions_engine.call import MAX_FAULTS
from actions_engine.expected import expected_of
from actions_engine.payload import Payload, telling_each

#: pydantic takes some 15 µs to tell an error: of more it is not asked.
MAX_ERRORS = 5_000
#: In longer lists the first faulty item alone is told.
SHORT_LIST = 1_000
_DEPTH = 8
NO_OTHER: Any = object()

Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A value that its field does not take.

    Attributes:
        path: The steps to it; the last one may be missing there.
        kinds: pydantic's names of what is wrong, one for each type that the field takes.
        message: What was expected.
        is_missing: Whether there is no value.
        into: What the field's validator takes in its place; NO_OTHER where it takes none.
    """

    path: Path
    kinds: frozenset[str]
    message: str
    is_missing: bool
    into: Any

    @property
    def field(self) -> str:
        """The path as text."""
        return ".".join(map(str, self.path))


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is wrong.

    Attributes:
        found: Each value that its field does not take, as far as they are told.
        count: How many there are.
        behind: What was not looked at, in words; empty where all was.
    """

    found: tuple[Found, ...]
    count: int
    behind: str = ""


def findings(model: type[Payload], error: ValidationError, row: dict[str, Any]) -> Findings:
    """Return what a model found wrong with a row."""
    longest = 0
    if error.error_count() <= MAX_ERRORS:
        # The model left each list at its first fault: what stands behind is looked at where it is little.
        first = _told(error)
        longest = max((_longest_list(fault["loc"], row) for fault in first), default=0)
        if longest and longest <= SHORT_LIST:
            error = _telling_each(model, row) or error
    count = error.error_count()
    if count > MAX_ERRORS:
        # Nothing but an object with thousands of unknown fields has so many: a few of each tell the same.
        error = _telling_each(model, _with_few_fields(row, model)) or error
    by_path: dict[Path, list[Any]] = {}
    told = _told(error) if error.error_count() <= MAX_ERRORS else []
    for fault in told:
        by_path.setdefault(_path(fault["loc"], row, is_missing=fault["type"] == "missing"), []).append(fault)
    found = tuple(
        Found(
            path,
            frozenset(fault["type"] for fault in faults),
            expected_of(faults),
            faults[0]["type"] == "missing",
            next((fault["ctx"]["into"] for fault in faults if fault["type"] == "turned_into"), NO_OTHER),
        )
        for path, faults in by_path.items()
    )
    behind = f"a list of {longest:,} items is not read beyond its first fault" if longest > SHORT_LIST else ""
    return Findings(found, count - len(told) + len(found) if told else count, behind)


def _told(error: ValidationError) -> list[Any]:
    """Return pydantic's errors; what validators raised forgets where, as Rust would hold their frames for ever."""
    faults: list[Any] = list(error.errors(include_url=False))
    for fault in faults:
        cause = fault.get("ctx", {}).get("error")
        if isinstance(cause, BaseException):
            cause.__traceback__ = None
    return faults


def _path(loc: Sequence[int | str], row: Any, *, is_missing: bool) -> Path:
    """Return the steps of pydantic's that are in the row; others name an alternative of a type."""
    path: list[int | str] = []
    for number, step in enumerate(loc, start=1):
        if isinstance(row, Mapping) and step in row:
            row = row[typing.cast(str, step)]
        elif isinstance(row, (list, tuple)) and isinstance(step, int) and 0 <= step < len(row):
            row = row[step]
        elif not (is_missing and number == len(loc)):
            continue
        path.append(step)
    return tuple(path)


def _telling_each(model: type[Payload], row: dict[str, Any]) -> ValidationError | None:
    try:
        telling_each(model).__pydantic_validator__.validate_python(row)
    except ValidationError as error:
        return error
    return None


def _longest_list(loc: Sequence[int | str], row: Any) -> int:
    """Return the length of the longest list on the way to a fault, 0 where there is none."""
    longest = 0
    for step in loc:
        if isinstance(row, list) and isinstance(step, int):
            longest = max(longest, len(row))
            row = row[step] if step < len(row) else None
        elif isinstance(row, dict):
            # A step that is in no object names an alternative of the model.
            row = row.get(step, row)
    return longest


def _with_few_fields(row: dict[str, Any], model: type[Payload]) -> dict[str, Any]:
    """Return a row whose objects have at most twenty fields that no model knows."""
    known: set[str] = set()
    waiting: list[Any] = [model]
    seen: set[Any] = set()
    while waiting:
        kind = waiting.pop()
        if kind in seen:
            continue
        seen.add(kind)
        waiting += typing.get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known.update(kind.model_fields)
            waiting += (info.annotation for info in kind.model_fields.values())

    def few(value: Any, depth: int) -> Any:
        if depth > _DEPTH:
            return value
        if isinstance(value, list):
            return [few(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        others = [name for name in value if name not in known]
        return {name: few(value[name], depth + 1) for name in [*known.intersection(value), *others[:MAX_FAULTS]]}

    return {name: few(value, 1) for name, value in row.items()}
