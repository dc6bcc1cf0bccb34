"""Two values of JSON -> where they differ: the one walker for examples, diffs and remapped calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


#: What stands for a side that has no value.
MISSING: Any = _Missing()


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a value that is not what it was.

    Attributes:
        path: The steps to it joined by dots, places in lists in brackets: `products[0].price`.
        old: What it was; `MISSING` where it was not there.
        new: What it is; likewise.
    """

    path: str
    old: Any
    new: Any

    @property
    def field(self) -> str:
        """The path with no places in lists, by which differences are counted: `products[].price`."""
        return re.sub(r"\[[0-9]+\]", "[]", self.path)


def strictly_same(old: Any, new: Any) -> bool:
    """Whether two scalars are the same as JSON writes them: 1 is neither 1.0 nor true."""
    return type(old) is type(new) and bool(old == new)


def differences(old: Any, new: Any, *, same: Callable[[Any, Any], bool] = strictly_same) -> Iterator[Difference]:
    """Yield what differs between two values, going into objects and lists.

    Args:
        old: One value of JSON types.
        new: The other.
        same: Whether two scalars, or values of two types, are the same.
    """
    yield from _walk("", old, new, same)


def _walk(path: str, old: Any, new: Any, same: Callable[[Any, Any], bool]) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            inner = f"{path}.{name}" if path else str(name)
            yield from _walk(inner, old.get(name, MISSING), new.get(name, MISSING), same)
    elif isinstance(old, list) and isinstance(new, list):
        for number, (left, right) in enumerate(zip_longest(old, new, fillvalue=MISSING)):
            yield from _walk(f"{path}[{number}]", left, right, same)
    elif not same(old, new):
        yield Difference(path, old, new)
