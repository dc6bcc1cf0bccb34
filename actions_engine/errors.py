"""The exception tree, and the problem: an error that says where it is and how to mend it.

ActionsEngineError
├── MappingError         mapping files cannot be loaded; carries every problem at once
├── StoreError           the store cannot be opened, read or written
├── PluginError          a plugin broke the contract, or one of its functions raised
└── FunctionError        a function of the mapping language was given a value of the wrong type
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal


class ActionsEngineError(Exception):
    """The base of every error that this package raises on purpose."""


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A place in a text file; `line` and `column` count from 1, columns in characters."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a mapping file, addressed to the person who must mend it.

    Attributes:
        code: Stable name of the kind of problem, such as `unknown-field`.
        message: What was found and what was expected.
        location: Where; None where the problem has no place in a file (a folder without mappings).
        line: The text of that line, shown with a caret beneath the column.
        hint: What to do about it, or an empty string.
        severity: An `error` stops the load, a `warning` never does.
    """

    code: str
    message: str
    location: Location | None = None
    line: str = ""
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def render(self) -> str:
        """Return the problem as text: place, message, the line, a caret, the hint."""
        head = f"{self.severity}[{self.code}]: {self.message}"
        if self.location is None:
            parts = [head]
        else:
            parts = [f"{self.location}: {head}"]
            if self.line:
                shown, caret = _excerpt(self.line, self.location.column)
                gutter = str(self.location.line)
                parts += [f"  {gutter} | {shown}", f"  {' ' * len(gutter)} | {' ' * caret}^"]
        if self.hint:
            parts.append(f"  hint: {self.hint}")
        return "\n".join(parts)


class MappingError(ActionsEngineError):
    """Mapping files cannot be loaded.

    Attributes:
        problems: Everything that was found, errors and warnings, in the order of the files.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(problem.render() for problem in self.problems))


class StoreError(ActionsEngineError):
    """The store cannot be opened, read or written; what was being written is not in it."""


class PluginError(ActionsEngineError):
    """A plugin breaks the contract, or one of its functions raised.

    Attributes:
        plugin: The plugin or destination at fault.
    """

    def __init__(self, plugin: str, message: str) -> None:
        self.plugin = plugin
        super().__init__(f"{plugin}: {message}")


class FunctionError(ActionsEngineError):
    """A function of the mapping language cannot work on the value that it was given."""


def closest(name: str, known: Iterable[str]) -> str:
    """Return the one of `known` that is most like a name; empty where none is."""
    # Case is the commonest slip and difflib weighs it like any other letter.
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold()[:200], folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest of `known`, or lists them where they are few."""
    names = sorted(set(known))
    if close := closest(name, names):
        return f"did you mean {close!r}?"
    if 0 < len(names) <= 12:
        return f"known here: {', '.join(names)}"
    return ""


_EXCERPT_WIDTH = 120


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """Cut a line to a readable piece around `column`; return it with the caret's offset in cells."""
    start = max(0, column - 1 - _EXCERPT_WIDTH // 2) if len(line) > _EXCERPT_WIDTH else 0
    piece = line[start : start + _EXCERPT_WIDTH]
    prefix = "…" if start else ""
    suffix = "…" if start + _EXCERPT_WIDTH < len(line) else ""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in piece)
    before = prefix + shown[: column - 1 - start]
    return prefix + shown + suffix, sum(_cells(char) for char in before)


def _cells(char: str) -> int:
    """Return how many terminal cells a character takes, so that a caret stands beneath it."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
