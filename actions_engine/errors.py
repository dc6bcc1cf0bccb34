"""The exception tree, and the problem: an error that says where it is and how to mend it.

ActionsEngineError
├── MappingError         mapping files cannot be loaded; carries every problem at once
├── LanguageError        text of the mapping language cannot be used; says at which character
│   ├── ExpressionError  it is no JMESPath, or calls what does not exist
│   └── TriggerError     it is no trigger in the text form
├── FunctionError        a function of the mapping language was given a value of the wrong type
├── InputError           an input cannot be read, or one of its lines is no event
├── StoreError           the store cannot be opened, read or written
└── PluginError          a plugin broke the contract, or one of its functions raised
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "hint"]

#: What a plugin's code may raise, `sys.exit` among it; an interrupt from the keyboard is the host's.
PLUGIN_RAISES = (Exception, SystemExit, GeneratorExit)


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
    """One thing that is wrong in a mapping file or an event, addressed to the person who must mend it.

    Attributes:
        code: Stable name of the kind of problem, such as `unknown-field`; the catalogue of codes explains it.
        message: What was found and what was expected; of an event without its values, which may be personal.
        location: Where; None where the problem has no place in a file (a folder without mappings, an event).
        line: The text of that line, shown with a caret beneath the column.
        hint: What to do about it, or an empty string.
        severity: An `error` stops a load and breaks the spec, a `warning` is legal and probably not meant, a `hint` is
            a matter of style.
        field: Of an event, the field: its steps joined by dots, items of lists as `[]`; empty for the whole.
        position: Of an expression, the character of its text, from 0.
    """

    code: str
    message: str
    location: Location | None = None
    line: str = ""
    hint: str = ""
    severity: Severity = "error"
    field: str = ""
    position: int = 0

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


class LanguageError(ActionsEngineError):
    """Text of the mapping language cannot be used.

    Attributes:
        code: Stable name of the kind of problem.
        message: What is wrong.
        position: The character at which, from 0.
        hint: What to do about it, or an empty string.
    """

    def __init__(self, code: str, message: str, position: int = 0, hint: str = "") -> None:
        self.code, self.message, self.position, self.hint = code, message, position, hint
        super().__init__(f"{message} (at character {position + 1})")


class ExpressionError(LanguageError):
    """An expression is no JMESPath, is beyond the limits, or calls a function wrongly."""


class TriggerError(LanguageError):
    """A trigger in the text form cannot be read."""


class InputError(ActionsEngineError):
    """An input cannot be read, or one of its lines is no event.

    Attributes:
        code: Stable name of the kind of problem; `unreadable-input` where the input as a whole is meant.
    """

    def __init__(self, message: str, code: str = "unreadable-input") -> None:
        self.code = code
        super().__init__(message)


class StoreError(ActionsEngineError):
    """The store cannot be opened, read or written; what was being written is not in it.

    Attributes:
        is_passing: Whether the connection to it was lost: the same may work in a moment. What was being written may be
            in it.
    """

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        self.is_passing = is_passing
        super().__init__(message)


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
