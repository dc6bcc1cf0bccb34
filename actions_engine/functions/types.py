"""The types of functions' arguments, and a function behind the checks of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from actions_engine.errors import FunctionError
from actions_engine.odd_values import UNREADABLE, plain

_NULL = frozenset({"null"})
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


class ExpressionReference(Protocol):
    """An argument given as `&expression`."""

    expression: Any

    def visit(self, expression: Any, value: Any) -> Any:
        """Evaluate the expression on a value: `reference.visit(reference.expression, value)`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, the JMESPath types that it takes, and whether it may be left out."""

    name: str
    types: frozenset[str]
    optional: bool = False

    def __str__(self) -> str:
        # What may be left out may be null as well, which needs no saying.
        shown = self.types - _NULL if self.optional else self.types
        return f"{self.name}{'?' if self.optional else ''}: {join_types(shown, '|')}"


def checked(
    name: str, implementation: Callable[..., Any], parameters: tuple[Parameter, ...], variadic: bool
) -> Callable[..., Any]:
    """Return the implementation behind its checks; the commonest shape, one text, has a shorter way."""
    admits_null = not parameters[0].types.isdisjoint({"any", "null"})
    checks = tuple((parameter, _exact_types(parameter)) for parameter in parameters)
    repeated = itertools.repeat(checks[-1]) if variadic else ()

    def call(*arguments: Any) -> Any:
        if arguments and arguments[0] is None and not admits_null:
            return None
        for (parameter, exact), argument in zip(itertools.chain(checks, repeated), arguments, strict=False):
            if type(argument) not in exact and not _accepts(parameter, argument):
                simple = tuple(map(_as_json, arguments))
                if any(one is not other for one, other in zip(simple, arguments, strict=True)):
                    # A host's own types, such as a Decimal, are read as JSON has them.
                    return call(*simple)
                raise _wrong_type(name, parameter, argument)
        try:
            return implementation(*arguments)
        except _FAILURES as error:
            raise _failure(name, error) from None

    first, *others = parameters
    if variadic or others or first != Parameter(first.name, frozenset({"string"})):
        return call

    def call_with_text(subject: Any) -> Any:
        if type(subject) is not str:
            return call(subject)
        try:
            return implementation(subject)
        except _FAILURES as error:
            raise _failure(name, error) from None

    return call_with_text


def _as_json(argument: Any) -> Any:
    simple = plain(argument)
    return argument if simple is UNREADABLE else simple


_FAILURES = (FunctionError, ArithmeticError, ValueError, RecursionError)


def _failure(name: str, error: Exception) -> FunctionError:
    """Name the function that failed; Python's own messages may quote the value, so they are not told."""
    if isinstance(error, FunctionError):
        return FunctionError(f"{name}(): {error}")
    if isinstance(error, OverflowError):
        return FunctionError(f"{name}(): a number is too large")
    return FunctionError(f"{name}(): cannot work on this value ({type(error).__name__})")


def _wrong_type(name: str, parameter: Parameter, argument: Any) -> FunctionError:
    found, expected = _with_article(type_name(argument)), sorted(parameter.types, key=_ORDER.index)
    wanted = " or ".join(map(_with_article, expected))
    return FunctionError(f"{name}(): {parameter.name} is {found}, expected {wanted}")


def _exact_types(parameter: Parameter) -> frozenset[type]:
    return frozenset(kind for name in parameter.types for kind in _PYTHON_TYPES.get(name, ()))


def _accepts(parameter: Parameter, argument: Any) -> bool:
    return "any" in parameter.types or type_name(argument) in parameter.types


def type_name(value: Any) -> str:
    """Return the JMESPath type of a value; of what JSON cannot hold, the name of its Python class."""
    if isinstance(value, bool):
        return "boolean"
    for name, kinds in _PYTHON_TYPES.items():
        if isinstance(value, kinds):
            return name
    # jmespath.py's class for `&expression` is private, and compiled code has one of its own by that name.
    if any(base.__name__ == "_Expression" for base in type(value).__mro__):
        return "expref"
    return type(value).__name__


_ORDER = ("any", "string", "number", "boolean", "array", "object", "expref", "null")
_SPOKEN = {"array": "an array", "object": "an object", "expref": "an expression (&…)", "null": "null"}


def _with_article(name: str) -> str:
    return _SPOKEN.get(name, f"a {name}")


def join_types(names: frozenset[str], separator: str) -> str:
    """Return names of types as text, always in the same order."""
    return separator.join(sorted(names, key=_ORDER.index))
