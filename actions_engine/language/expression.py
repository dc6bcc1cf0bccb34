"""JMESPath text -> a checked expression.

jmespath.py parses; this file adds what a mapping needs beyond it: limits, function names and argument counts checked
before anything runs, and errors that say at which character. `Expression.search` is jmespath.py's own interpreter: it
is what `explain` shows and the oracle that compiled code is tested against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import jmespath
from jmespath.exceptions import EmptyExpressionError, IncompleteExpressionError, LexerError, ParseError
from jmespath.lexer import Lexer
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

from actions_engine.errors import ExpressionError
from actions_engine.functions import Function, Library
from actions_engine.functions.logic import is_false
from actions_engine.functions.types import type_name
from actions_engine.language.growth import bound
from actions_engine.language.other_words import FUNCTION_WORDS
from actions_engine.wording import did_you_mean, kind_of

#: Limits on one expression; the depth is that of its syntax tree.
MAX_CHARACTERS = 10_000
MAX_DEPTH = 100

_ORDERINGS = frozenset({"lt", "lte", "gt", "gte"})


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A checked JMESPath expression.

    Attributes:
        text: As it was written.
        tree: jmespath.py's syntax tree: `{"type", "children", "value"}`.
        library: The functions that it may call.
        can_fail: Whether evaluating it can raise: it calls a function or orders values.
    """

    text: str
    tree: dict[str, Any]
    library: Library
    can_fail: bool

    def search(self, value: Any) -> Any:
        """Evaluate with jmespath.py's interpreter.

        Raises:
            FunctionError, jmespath.exceptions.JMESPathError: a function was given a value that it does not take.
        """
        # jmespath.py asks its functions for `call_function` alone, and its tree is of plain dicts.
        options = jmespath.Options(custom_functions=cast(Any, self.library))
        return _Interpreter(options).visit(cast(Any, self.tree), value)

    @property
    def path(self) -> tuple[str, ...] | None:
        """The field names where the expression is a plain dotted path, else None."""
        steps = self.tree["children"] if self.tree["type"] == "subexpression" else [self.tree]
        if all(step["type"] == "field" for step in steps):
            return tuple(step["value"] for step in steps)
        return None


class _Interpreter(TreeInterpreter):
    """jmespath.py's, but that `if` computes the branch that is taken alone: it guards what the other cannot take."""

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        if node["value"] != "if":
            return super().visit_function_expression(node, value)
        test, then, *otherwise = node["children"]
        if not is_false(self.visit(test, value)):
            return self.visit(then, value)
        return self.visit(otherwise[0], value) if otherwise else None


class ExpressionParser:
    """Parses expressions against one function library, each distinct text once."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._known: dict[str, Expression | ExpressionError] = {}

    def parse(self, text: str) -> Expression:
        """Return the checked expression.

        Raises:
            ExpressionError: the text is no JMESPath, is beyond the limits, or calls a function that does not exist or
                with arguments that it cannot take.
        """
        known = self._known.get(text)
        if known is None:
            try:
                known = self._parse(text)
            except ExpressionError as error:
                known = error
            self._known[text] = known
        if isinstance(known, ExpressionError):
            raise known
        return known

    def _parse(self, text: str) -> Expression:
        if len(text) > MAX_CHARACTERS:
            raise ExpressionError(
                "expression-too-long",
                f"the expression has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read",
            )
        try:
            tree = cast(dict[str, Any], Parser().parse(text).parsed)
        except RecursionError:
            raise _too_deep() from None
        except (ParseError, EmptyExpressionError) as error:
            raise _explain_syntax(text, error) from None
        except (ValueError, TypeError) as error:
            # int() refuses an index of thousands of digits; a half-open slice slips past the parser's own checks.
            raise ExpressionError("expression-syntax", f"not JMESPath: {str(error)[:200]}") from None
        calls = _function_calls(text)
        can_fail = False
        for node, parent in _walk(tree):
            kind = node["type"]
            if kind == "function_expression":
                self._check_call(node, calls)
                can_fail = True
            elif kind == "comparator" and node["value"] in _ORDERINGS:
                can_fail = True
            elif kind == "slice" and node["children"][2] == 0:
                raise ExpressionError("expression-value", "a slice's step cannot be 0", max(text.find("::0"), 0))
            elif kind == "expref" and (parent is None or parent["type"] != "function_expression"):
                raise ExpressionError(
                    "expression-syntax", "& stands only before a function's argument", max(text.find("&"), 0)
                )
        tree, is_growing = bound(tree, self.library)
        if is_growing:
            # A step that is measured stands three levels deeper.
            for _ in _walk(tree, 2 * MAX_DEPTH):
                pass
        return Expression(text, tree, self.library, can_fail or is_growing)

    def _check_call(self, node: dict[str, Any], calls: dict[str, list[int]]) -> None:
        name, arguments = node["value"], node["children"]
        places = calls.get(name) or [0]
        position = places.pop(0) if len(places) > 1 else places[0]
        function = self.library.get(name)
        if function is None:
            raise ExpressionError(
                "unknown-function",
                f"there is no function {name!r}",
                position,
                FUNCTION_WORDS.get(name.lower()) or did_you_mean(name, self.library),
            )
        minimum, maximum = function.minimum, function.maximum
        if len(arguments) < minimum or (maximum is not None and len(arguments) > maximum):
            expected = str(minimum) if minimum == maximum else f"{minimum} or more" if maximum is None else (
                f"{minimum} to {maximum}"
            )  # fmt: skip
            raise ExpressionError(
                "function-arity",
                f"{name}() takes {expected} argument{'' if expected == '1' else 's'}, not {len(arguments)}",
                position,
                function.signature(),
            )
        _check_literals(function, arguments, position)


def _check_literals(function: Function, arguments: list[dict[str, Any]], position: int) -> None:
    for index, argument in enumerate(arguments):
        parameter = function.parameters[min(index, len(function.parameters) - 1)]
        if "any" in parameter.types:
            continue
        if argument["type"] == "expref":
            accepted, found = "expref" in parameter.types, "an expression (&…)"
        elif argument["type"] == "literal":
            value = argument["value"]
            # Null is a missing value, which every function of ours answers with null.
            accepted = value is None or type_name(value) in parameter.types
            found = kind_of(value)
        else:
            continue
        if not accepted:
            expected = " or ".join(sorted(parameter.types))
            raise ExpressionError(
                "function-type",
                f"{function.name}(): {parameter.name} must be {expected}, not {found}",
                position,
                function.signature(),
            )


def _walk(tree: dict[str, Any], max_depth: int = MAX_DEPTH) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Yield each node with its parent, parents first and in the order of the text."""
    waiting: list[tuple[dict[str, Any], dict[str, Any] | None, int]] = [(tree, None, 1)]
    while waiting:
        node, parent, depth = waiting.pop()
        if depth > max_depth:
            raise _too_deep()
        yield node, parent
        # A slice's children are its three numbers.
        children = [child for child in node["children"] if isinstance(child, dict)]
        waiting.extend((child, node, depth + 1) for child in reversed(children))


def _too_deep() -> ExpressionError:
    return ExpressionError("expression-too-deep", f"the expression is nested deeper than {MAX_DEPTH} levels")


def _function_calls(text: str) -> dict[str, list[int]]:
    """Return where each function name stands; the syntax tree itself keeps no positions."""
    if "(" not in text:
        return {}
    calls: dict[str, list[int]] = {}
    tokens = list(Lexer().tokenize(text))
    for token, following in pairwise(tokens):
        if token["type"] == "unquoted_identifier" and following["type"] == "lparen":
            calls.setdefault(token["value"], []).append(token["start"])
    return calls


_HINTS = (
    (re.compile(r"\$\{"), "only settings read the environment; a template's hole is {{ … }}, fixed text {$literal: …}"),
    (re.compile(r"\{%"), "there are no block tags: write if(test, then, else) in a hole, {{ … }}"),
    (re.compile("[\u2018\u2019\u201a\u201c\u201d\u201e\u00b4]"), "typographic quotes: write straight ones, 'text'"),
    (re.compile(r" --|^--| //"), "comments start with #"),
    (re.compile(r"\bcase\b.*\bwhen\b|[^|]\?.*[^:]:[^:]", re.IGNORECASE), "write if(test, then, else)"),
    (re.compile(r"[\w.+-]+@[\w-]+\.\w"), "fixed text is written {$literal: …}, or in single quotes"),
    (re.compile(r"[\w')\]] *\+ *[\w'(]"), "write a template, \"{{ a }} {{ b }}\", or join(' ', [a, b])"),
    (re.compile(r"[\w)\]] +- +[\w(]"), "write subtract(a, b)"),
    (re.compile(r"[\w)\]] +/ +[\w(]"), "write divide(a, b)"),
    (re.compile(r"[\w)\]] +\* +[\w(]"), "write multiply(a, b)"),
    (re.compile(r"[<>=]=? *-?\d"), "a number stands in backticks: `100`"),
    (re.compile(r"^\$\.?"), "JMESPath starts at the event: write the path without `$`"),
    (re.compile(r"[^=!<>]=[^=]"), "equality is written `==`"),
    (re.compile(r"\b(and|or|not)\b", re.IGNORECASE), "JMESPath writes `&&`, `||` and `!`"),
    (re.compile(r"^\w[\w ]*[ -][\w ]*\w$"), "fixed text is written {$literal: …}"),
)  # fmt: skip


def _explain_syntax(text: str, error: ParseError | EmptyExpressionError) -> ExpressionError:
    """Turn jmespath.py's error, which draws its own caret, into a message and a position."""
    if isinstance(error, EmptyExpressionError) or not text.strip():
        return ExpressionError("expression-syntax", "the expression is empty", 0, "leave the field out instead")
    position = min(max(error.lex_position, 0), len(text))
    hint = next((hint for pattern, hint in _HINTS if pattern.search(text)), "")
    if isinstance(error, IncompleteExpressionError):
        message = "not JMESPath: the expression ends too early"
    elif isinstance(error, LexerError):
        message = f"not JMESPath: {_lower_first(str(error.message))}"
    elif error.token_type == "EOF":  # noqa: S105 - a token of a grammar
        message, position = "not JMESPath: the expression ends too early", len(text)
    else:
        message = f"not JMESPath: {str(error.token_value)[:60]!r} is not expected here"
    return ExpressionError("expression-syntax", message[:300], position, hint)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
