"""Function and Library: typed Python functions as functions of the mapping language."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from jmespath.exceptions import ArityError, UnknownFunctionError, VariadictArityError
from jmespath.functions import Functions

from actions_engine.errors import FunctionError


class ExpressionReference(Protocol):
    """An argument given as `&expression`."""

    expression: Any

    def visit(self, expression: Any, value: Any) -> Any:
        """Evaluate the expression on a value: `reference.visit(reference.expression, value)`."""


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
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, the JMESPath types that it takes, and whether it may be left out."""

    name: str
    types: frozenset[str]
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name}{'?' if self.optional else ''}: {'|'.join(sorted(self.types))}"


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of the mapping language.

    Attributes:
        name: As mappings call it.
        parameters: In order; of a variadic function the last may be repeated.
        call: Checks the arguments' types and computes.
        description: One line.
        variadic: Whether the last parameter may be repeated.
    """

    name: str
    parameters: tuple[Parameter, ...]
    call: Callable[..., Any]
    description: str = ""
    variadic: bool = False

    @property
    def minimum(self) -> int:
        """The fewest arguments that it takes."""
        return sum(not parameter.optional for parameter in self.parameters)

    @property
    def maximum(self) -> int | None:
        """The most arguments that it takes; None where there is no limit."""
        return None if self.variadic else len(self.parameters)

    def signature(self) -> str:
        """Return the function as its user calls it, such as `lower(subject: string)`."""
        return f"{self.name}({', '.join(map(str, self.parameters))}{', …' if self.variadic else ''})"


def function(implementation: Callable[..., Any]) -> Function:
    """Make a function of the mapping language from a typed Python function.

    The first parameter is the subject: where it is null the result is null, unless its annotation admits null. A
    trailing underscore is no part of the name, so that `if_` is `if`.

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
    call = _checked(name, implementation, tuple(parameters))
    return Function(name, tuple(parameters), call, description, variadic)


def _types_of(annotation: Any, name: str) -> frozenset[str]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return frozenset().union(*(_types_of(part, name) for part in typing.get_args(annotation)))
    known = _TYPE_NAMES.get(origin or annotation)
    if known is None:
        raise TypeError(f"{name}(): {annotation!r} is no JSON type; use str, int, float, bool, list, dict, None or Any")
    return known


def _checked(name: str, implementation: Callable[..., Any], parameters: tuple[Parameter, ...]) -> Callable[..., Any]:
    subject = parameters[0]
    admits_null = bool(subject.types & {"any", "null"})
    checks = tuple(None if "any" in parameter.types else parameter for parameter in parameters)

    def call(*arguments: Any) -> Any:
        if arguments[0] is None and not admits_null:
            return None
        for index, argument in enumerate(arguments):
            parameter = checks[min(index, len(checks) - 1)]
            # A null given for an optional argument is the argument left out, as a missing field is null.
            if parameter is not None and not (argument is None and parameter.optional):
                _check(name, parameter, argument)
        try:
            return implementation(*arguments)
        except (ArithmeticError, ValueError, UnicodeError) as error:
            raise FunctionError(f"{name}(): {error}") from None

    if [check and check.types for check in checks] != [frozenset({"string"})]:
        return call

    def call_with_text(value: Any) -> Any:
        return implementation(value) if type(value) is str else call(value)

    return call_with_text


def _check(name: str, parameter: Parameter, argument: Any) -> None:
    for kind in parameter.types:
        if kind == "expref":
            if type(argument).__name__ == "_Expression":
                return
        elif isinstance(argument, bool):
            if kind == "boolean":
                return
        elif isinstance(argument, _PYTHON_TYPES[kind]):
            return
    # The value itself may be personal data: only its type is told.
    raise FunctionError(
        f"{name}(): {parameter.name} is {type_name(argument)}, expected {' or '.join(sorted(parameter.types))}"
    )


def type_name(value: Any) -> str:
    """Return the JMESPath type of a value."""
    if isinstance(value, bool):
        return "boolean"
    return next((name for name, kinds in _PYTHON_TYPES.items() if isinstance(value, kinds)), "expression")


class Library:
    """An immutable set of functions by name; also what jmespath.py's interpreter takes as `custom_functions`."""

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
        from actions_engine.functions import dates, hashing, identity, logic, objects, text  # noqa: PLC0415 - a cycle

        modules = (text, objects, logic, hashing, dates, identity)
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
        made = self._functions.get(name)
        if made is None:
            raise UnknownFunctionError(f"Unknown function: {name}()")
        if len(arguments) < made.minimum or (made.maximum is not None and len(arguments) > made.maximum):
            error = VariadictArityError if made.variadic else ArityError
            raise error(made.minimum, len(arguments), name)
        return made.call(*arguments)


def _jmespath_functions() -> Iterator[Function]:
    runtime = Functions()
    for name, entry in Functions.FUNCTION_TABLE.items():
        signature = entry["signature"]
        parameters = tuple(
            Parameter(
                f"argument{number}",
                frozenset(kind.partition("-")[0] for kind in argument["types"]) or frozenset({"any"}),
            )
            for number, argument in enumerate(signature, start=1)
        )
        variadic = bool(signature and signature[-1].get("variadic"))

        def call(*arguments: Any, _name: str = name) -> Any:
            return runtime.call_function(_name, list(arguments))

        yield Function(name, parameters, call, "JMESPath's own.", variadic)
