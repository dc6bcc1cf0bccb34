"""Function and Library: typed Python functions as functions of the mapping language."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from jmespath.exceptions import ArityError, UnknownFunctionError, VariadictArityError
from jmespath.functions import Functions

from actions_engine.errors import FunctionError
from actions_engine.functions.produced import within_bounds
from actions_engine.functions.types import ExpressionReference, Parameter, checked, join_types

_TYPE_NAMES: dict[Any, frozenset[str]] = {
    str: frozenset({"string"}),
    int: frozenset({"number"}),
    float: frozenset({"number"}),
    bool: frozenset({"boolean"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
    type(None): frozenset({"null"}),
    Any: frozenset({"any"}),
    ExpressionReference: frozenset({"expref"}),
}


#: What the syntax tree calls to measure a part that may grow: no name that a mapping can write.
BOUNDED = "$within_bounds"
#: Characters that `join` may put between the items of a list.
_MAX_GLUE = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of the mapping language.

    Attributes:
        name: As mappings call it.
        parameters: In order; of a variadic function the last may be repeated.
        call: Checks the arguments' types and computes.
        description: One line.
        variadic: Whether the last parameter may be repeated.
        returns: The JMESPath types of the result; empty where they are not known.
        source: Who brought it: `jmespath`, `actions_engine`, or a plugin's name.
    """

    name: str
    parameters: tuple[Parameter, ...]
    call: Callable[..., Any]
    description: str = ""
    variadic: bool = False
    returns: frozenset[str] = frozenset()
    source: str = "actions_engine"

    @property
    def minimum(self) -> int:
        """The fewest arguments that it takes."""
        return sum(not parameter.optional for parameter in self.parameters)

    @property
    def maximum(self) -> int | None:
        """The most arguments that it takes; None where there is no limit."""
        return None if self.variadic else len(self.parameters)

    def signature(self) -> str:
        """Return the function as its user calls it, such as `lower(subject: string) -> string`."""
        repeated = ", …" if self.variadic else ""
        result = f" -> {join_types(self.returns, '|')}" if self.returns else ""
        return f"{self.name}({', '.join(map(str, self.parameters))}{repeated}){result}"


def function(implementation: Callable[..., Any], *, source: str | None = None) -> Function:
    """Make a function of the mapping language from a typed Python function.

    The first parameter is the subject: where it is null the result is null, unless its annotation admits null.
    A trailing underscore is no part of the name, so that `if_` is `if`. Of lists and objects the type is
    checked, not what they hold. An implementation that cannot work on a value raises FunctionError with the
    reason alone.

    Args:
        implementation: Pure; takes positional parameters only.
        source: Who brings it; without it the package that defines the implementation.

    Raises:
        TypeError: an annotation is missing or is no JSON type.
    """
    name = implementation.__name__.rstrip("_")
    hints = typing.get_type_hints(implementation)
    parameters: list[Parameter] = []
    variadic = False
    for parameter in inspect.signature(implementation).parameters.values():
        if parameter.name not in hints or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise TypeError(f"{name}(): {parameter.name} needs a type and a place among the positional parameters")
        variadic = parameter.kind is parameter.VAR_POSITIONAL
        optional = variadic or parameter.default is not parameter.empty
        parameters.append(Parameter(parameter.name, _types_of(hints[parameter.name], name), optional))
    if not parameters:
        raise TypeError(f"{name}() needs a subject: its first parameter")
    description = (inspect.getdoc(implementation) or "").partition("\n")[0]
    call = checked(name, implementation, tuple(parameters), variadic)
    returns = _types_of(hints["return"], name) if "return" in hints else frozenset()
    package = source or implementation.__module__.partition(".")[0]
    return Function(name, tuple(parameters), call, description, variadic, returns, package)


def _types_of(annotation: Any, name: str) -> frozenset[str]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return frozenset().union(*(_types_of(part, name) for part in typing.get_args(annotation)))
    try:
        return _TYPE_NAMES[origin or annotation]
    except (KeyError, TypeError):  # the second: an annotation that has no hash
        usable = "str, int, float, bool, list, dict, None or Any"
        raise TypeError(f"{name}(): {annotation!r} is no JSON type; use {usable}") from None


class Library:
    """An immutable set of functions by name; jmespath.py's interpreter takes it as `custom_functions`."""

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        self._functions: dict[str, Function] = {}
        for made in functions:
            if made.name in self._functions:
                raise ValueError(f"there are two functions {made.name}()")
            self._functions[made.name] = made

    @staticmethod
    @cache
    def standard() -> Library:
        """Return JMESPath's own functions and this package's."""
        # Imported here as some of these modules need this one.
        from actions_engine.functions import (  # noqa: PLC0415
            dates,
            device,
            hashing,
            identity,
            logic,
            numbers,
            objects_and_lists,
            text,
        )

        modules = (text, objects_and_lists, numbers, logic, hashing, dates, identity, device)
        ours = [function(implementation) for module in modules for implementation in module.FUNCTIONS]
        return Library([*_jmespath_functions(), *ours])

    def with_functions(self, functions: Iterable[Function]) -> Library:
        """Return a library that has these too.

        Raises:
            ValueError: a name is taken.
        """
        return Library([*self._functions.values(), *functions])

    def __getitem__(self, name: str) -> Function:
        return self._functions[name]

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._functions))

    def get(self, name: str) -> Function | None:
        """Return a function, or None."""
        return self._functions.get(name)

    def call_function(self, name: str, arguments: list[Any]) -> Any:
        """Call a function as jmespath.py's interpreter does, its exceptions included."""
        if name == BOUNDED:
            return within_bounds(*arguments)
        made = self._functions.get(name)
        if made is None:
            raise UnknownFunctionError(f"Unknown function: {name}()")
        if len(arguments) < made.minimum or (made.maximum is not None and len(arguments) > made.maximum):
            error = VariadictArityError if made.variadic else ArityError
            raise error(made.minimum, len(arguments), name)
        return made.call(*arguments)


# https://jmespath.org/specification.html#built-in-functions; those that give what they are given are left out.
_RETURNS = {
    "abs": "number", "avg": "number null", "ceil": "number", "contains": "boolean", "ends_with": "boolean",
    "floor": "number", "join": "string", "keys": "array", "length": "number", "map": "array", "merge": "object",
    "reverse": "array string", "sort": "array", "sort_by": "array", "starts_with": "boolean", "sum": "number",
    "to_array": "array", "to_number": "number null", "to_string": "string", "type": "string", "values": "array",
}  # fmt: skip


def _jmespath_functions() -> Iterator[Function]:
    runtime = Functions()
    for name, entry in Functions.FUNCTION_TABLE.items():
        implementation, signature = entry["function"], entry["signature"]
        names = list(inspect.signature(implementation).parameters)[1:]
        parameters = tuple(
            Parameter(
                parameter,
                frozenset(kind.partition("-")[0] for kind in argument["types"]) or frozenset({"any"}),
            )
            for parameter, argument in zip(names, signature, strict=True)
        )
        variadic = bool(signature and signature[-1].get("variadic"))

        def call(*arguments: Any, _name: str = name) -> Any:
            if _name == "join":
                _check_glue(*arguments)
            return runtime.call_function(_name, list(arguments))

        returns = frozenset(_RETURNS.get(name, "").split())
        yield Function(name, parameters, call, "JMESPath's own.", variadic, returns, "jmespath")


def _check_glue(glue: Any, items: Any) -> None:
    if type(glue) is str and type(items) is list and len(glue) * len(items) > _MAX_GLUE:
        raise FunctionError(f"join(): the result would hold more than {_MAX_GLUE:,} characters between its items")
