"""A Python function, written line by line: blocks, variables, constants, and what is computed already.

Text from outside reaches the code as `ascii()` of strings and `repr()` of small numbers alone; everything else is a
named constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple


class Compiled(NamedTuple):
    """A compiled function and the source that it was made from."""

    function: Callable[[Any], Any]
    source: str


class CodeWriter:
    """A Python function in the making: its lines, its constants, and what is computed already."""

    def __init__(self, name: str, argument: str, constants: Mapping[str, Any]) -> None:
        self.name = name
        self.argument = argument
        self.lines: list[str] = []
        self.level = 1
        self.functions: list[str] = []
        self.constants: dict[str, Any] = dict(constants)
        self._names: dict[int, str] = {}
        self._count = 0
        # Innermost block last.
        self._known: list[dict[Any, str]] = [{}]

    def compile(self) -> Compiled:
        """Return the finished function."""
        main = f"def {self.name}({self.argument}):\n" + "\n".join(self.lines) + "\n"
        source = "\n\n".join([*self.functions, main])
        namespace = dict(self.constants)
        exec(compile(source, f"<{self.name}>", "exec"), namespace)  # noqa: S102 - the module docstring says why it is safe
        return Compiled(namespace[self.name], source)

    # -- writing lines

    def line(self, text: str) -> None:
        """Add a line at the present level."""
        self.lines.append("    " * self.level + text)

    def fresh(self, letter: str = "v") -> str:
        """Return a new variable's name."""
        self._count += 1
        return f"{letter}{self._count}"

    def constant(self, value: Any) -> str:
        """Return an expression for a constant: a literal where that is safe and exact, else a name bound to it."""
        if value is None or value is True or value is False:
            return repr(value)
        if type(value) is str:
            return ascii(value)
        if type(value) is int and -(2**63) < value < 2**63:
            return repr(value)
        return self.bind(value)

    def bind(self, value: Any) -> str:
        """Return a name bound to an object."""
        known = self._names.get(id(value))
        if known is None:
            known = self._names[id(value)] = self.fresh("k")
            self.constants[known] = value
        return known

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Open an indented block; what is computed inside it is not known after it."""
        self.line(head)
        self.level += 1
        self._known.append({})
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.line("pass")
        self._known.pop()
        self.level -= 1

    @contextmanager
    def function(self, name: str, argument: str) -> Iterator[None]:
        """Write another function for this one to call; it knows nothing but its argument."""
        outer = self.lines, self.level, self._known
        self.lines, self.level, self._known = [], 1, [{}]
        yield
        self.functions.append(f"def {name}({argument}):\n" + "\n".join(self.lines))
        self.lines, self.level, self._known = outer

    # -- what is computed already

    @property
    def known(self) -> dict[Any, str]:
        """What the innermost block has computed: (what, from which variable) -> the variable that holds it."""
        return self._known[-1]

    def lookup(self, key: Any) -> str | None:
        """Return the variable that holds something, if it was computed here or in a block around."""
        for known in reversed(self._known):
            if key in known:
                return str(known[key])
        return None

    def keep(self, key: Any, text: str, letter: str = "v") -> str:
        """Return the variable that holds `text`, computing it only where it is not known yet."""
        known = self.lookup(key)
        if known is None:
            known = self.fresh(letter)
            self.line(f"{known} = {text}")
            self._known[-1][key] = known
        return known

    def variable(self, text: str) -> str:
        """Return `text` where it is a variable, else a variable that holds it: Python warns of tests on literals."""
        return text if _is_variable(text) else self.assign(text)

    def assign(self, text: str) -> str:
        """Return a new variable that holds `text`."""
        variable = self.fresh()
        self.line(f"{variable} = {text}")
        return variable


def _is_variable(text: str) -> bool:
    return text.isidentifier() and text not in ("None", "True", "False")
