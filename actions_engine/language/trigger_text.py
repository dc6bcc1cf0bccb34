"""The text form of a trigger: Segment's FQL, read with the usual precedence (not, then and, then or).

    condition  = conjunction *("or" conjunction)
    conjunction = negation *("and" negation)
    negation   = ("not" / "!") negation / "(" condition ")" / test
    test       = path ("=" / "==" / "!=" / "<" / "<=" / ">" / ">=") literal
               / path ["not"] "in" "(" literal *("," literal) ")"
               / ("contains" / "match") "(" path "," literal ")"

Reference: https://segment.com/docs/api/public-api/fql/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any as AnyValue

from actions_engine.errors import ExpressionError, Location, TriggerError
from actions_engine.language.condition import All, Any, Condition, Not, make_test
from actions_engine.language.expression import Expression, ExpressionParser
from actions_engine.spec.tables import EVENT_TYPES
from actions_engine.wording import did_you_mean

MAX_CHARACTERS = 100_000
MAX_DEPTH = 32

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<path>[A-Za-z_$][\w$]*(?:\.(?:[\w$][\w$-]*|"(?:[^"\\]|\\.)*")|\[-?\d+\])*)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>==|!=|<=|>=|&&|\|\||[=<>!(),\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_STEP = re.compile(r'"(?:[^"\\]|\\.)*"|\[-?\d+\]|[\w$-]+')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_COMPARISONS = {"=": "is", "==": "is", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
# How the text form spells an operator, for messages.
_SPELLINGS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "matches": "match()", "contains": "contains()"}
_FUNCTIONS = {"contains": "contains", "match": "matches"}
_WORDS = frozenset({"and", "or", "not", "in", "null", "true", "false"})


def parse_text(text: str, parser: ExpressionParser, location: Location | None = None) -> Condition:
    """Parse a trigger in the text form.

    Args:
        text: The trigger.
        parser: Parses the paths.
        location: Where the text stands, for what explains it later.

    Raises:
        TriggerError: the text is no trigger.
    """
    return _Parser(text, parser, location).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    def __init__(self, text: str, expressions: ExpressionParser, location: Location | None) -> None:
        if len(text) > MAX_CHARACTERS:
            raise TriggerError("trigger-too-long", f"a trigger has at most {MAX_CHARACTERS:,} characters", 0)
        self.tokens = list(_tokens(text))
        self.expressions = expressions
        self.location = location
        self.index = 0
        self.depth = 0

    def parse(self) -> Condition:
        condition = self._either()
        if self._kind != "end":
            raise self._unexpected("`and`, `or` or the end")
        return condition

    @property
    def _token(self) -> _Token:
        return self.tokens[self.index]

    @property
    def _kind(self) -> str:
        return self._token.kind

    def _take(self, *kinds: str) -> _Token | None:
        if self._kind in kinds:
            self.index += 1
            return self.tokens[self.index - 1]
        return None

    def _expect(self, kind: str, expected: str) -> _Token:
        token = self._take(kind)
        if token is None:
            raise self._unexpected(expected)
        return token

    def _unexpected(self, expected: str) -> TriggerError:
        token = self._token
        found = "the end" if token.kind == "end" else repr(token.text[:40])
        return TriggerError("trigger-syntax", f"expected {expected}, found {found}", token.position, _hint(token))

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _negation(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TriggerError(
                "trigger-too-deep", f"conditions nested deeper than {MAX_DEPTH} levels", self._token.position
            )
        try:
            if self._take("not"):
                return Not(self._negation())
            if self._take("("):
                inner = self._either()
                self._expect(")", "`)`")
                return inner
            return self._test()
        finally:
            self.depth -= 1

    def _test(self) -> Condition:
        subject = self._expect("path", "a path such as `event` or `context.traits.email`")
        if self._take("("):
            return self._function(subject)
        expression = self._path(subject)
        if comparison := self._take("="):
            return self._compare(expression, _COMPARISONS[comparison.text], comparison)
        if comparison := self._take("!="):
            return Not(self._compare(expression, "is", comparison))
        if comparison := self._take("not"):
            self._expect("in", "`in`")
            return Not(self._in(expression))
        if self._take("in"):
            return self._in(expression)
        raise self._unexpected(f"an operator (= != < <= > >= in) after `{subject.text}`")

    def _compare(self, expression: Expression, operator: str, at: _Token) -> Condition:
        token, value = self._literal()
        self._check_event_type(expression, value, token)
        return self._make(expression, operator, value, token if operator == "is" else at)

    def _in(self, expression: Expression) -> Condition:
        at = self._token
        closing = ")" if self._take("(") else "]" if self._take("[") else ""
        if not closing:
            raise self._unexpected("`(` and the values")
        values: list[AnyValue] = []
        while True:
            token, value = self._literal()
            self._check_event_type(expression, value, token)
            values.append(value)
            if not self._take(","):
                break
        self._expect(closing, f"`,` or `{closing}`")
        return self._make(expression, "in", values, at)

    def _function(self, name: _Token) -> Condition:
        operator = _FUNCTIONS.get(name.text.lower())
        if operator is None:
            raise TriggerError(
                "unknown-function",
                f"a trigger's text form has no function {name.text!r}",
                name.position,
                did_you_mean(name.text, _FUNCTIONS) + "; the YAML form takes any JMESPath function as its expression",
            )
        expression = self._path(self._expect("path", "a path"))
        self._expect(",", "`,`")
        token, value = self._literal()
        self._expect(")", "`)`")
        return self._make(expression, operator, value, token)

    def _make(self, expression: Expression, operator: str, value: AnyValue, at: _Token) -> Condition:
        try:
            return make_test(expression, operator, value, self.location, self.location)
        except ValueError as error:
            raise TriggerError("operand-type", f"`{_SPELLINGS.get(operator, operator)}` {error}", at.position) from None

    def _check_event_type(self, expression: Expression, value: AnyValue, at: _Token) -> None:
        if expression.path == ("type",) and value is not None and value not in EVENT_TYPES:
            hint = did_you_mean(str(value), EVENT_TYPES)
            raise TriggerError("unknown-event-type", f"there is no event type {value!r}", at.position, hint)

    def _path(self, token: _Token) -> Expression:
        text = "".join(_step(match.group(), match.start()) for match in _STEP.finditer(token.text))
        try:
            return self.expressions.parse(text)
        except ExpressionError as error:
            raise TriggerError(error.code, error.message, token.position + error.position, error.hint) from None

    @staticmethod
    def _unquoted(token: _Token) -> str:
        text = _ESCAPE.sub(_unescape, token.text[1:-1])
        try:
            # Two escapes may be the halves of one character, as in JSON.
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise TriggerError("trigger-syntax", "half a character: a lone \\ud… escape", token.position) from None

    def _literal(self) -> tuple[_Token, AnyValue]:
        token = self._take("string", "number", "word")
        if token is None:
            raise self._unexpected("a value: quoted text, a number, true, false or null")
        if token.kind == "string":
            return token, self._unquoted(token)
        if token.kind == "word":
            return token, {"true": True, "false": False, "null": None}[token.text.lower()]
        if len(token.text) > 400:
            raise TriggerError("trigger-syntax", "a number has at most 400 digits", token.position)
        return token, float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)


def _step(text: str, position: int) -> str:
    """Return a step of a path as JMESPath spells it: quoted where it holds `$` or `-` or starts with a digit."""
    if text[0] == "[":
        return text
    if text[0] != '"' and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) is None:
        text = f'"{text}"'
    return f".{text}" if position else text


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code, code)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        kind, word = match.lastgroup or "", match.group()
        if kind == "path" and word.lower() in _WORDS:
            kind = word.lower() if word.lower() in ("and", "or", "not", "in") else "word"
        elif kind == "operator":
            kind = {"&&": "and", "||": "or", "!": "not"}.get(word, "=" if word in _COMPARISONS else word)
        if kind != "space":
            tokens.append(_Token(kind, word, position))
        position = match.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


def _unreadable(text: str, position: int) -> TriggerError:
    found = text[position]
    if found in "\"'":
        return TriggerError("trigger-syntax", "the quoted text has no end", position, f"close it with {found}")
    return TriggerError("trigger-syntax", f"{found!r} has no meaning here", position)


def _hint(token: _Token) -> str:
    if token.kind == "path" and token.text.lower() == "is":
        return 'write `= null`, `!= null` or `= "text"`'
    if token.kind == "path":
        return "text stands in quotes" if token.text.lower() not in _FUNCTIONS else ""
    return ""
