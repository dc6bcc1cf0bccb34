"""Laws that hold for every expression, trigger and event, tried on generated ones."""

from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions_engine.compiler.index import Index
from actions_engine.compiler.program import compile_expression, compile_fields
from actions_engine.errors import ExpressionError
from actions_engine.functions import Library
from actions_engine.language.condition import All, Condition, Not, make_test
from actions_engine.language.condition import Any as AnyOf
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.fields import Constant, Items, Record, evaluate, is_left_out, parse_field_text
from actions_engine.language.operators import OPERATORS
from actions_engine.language.trigger_text import parse_text

PARSER = ExpressionParser(Library.standard())
NAMES = st.sampled_from(["event", "type", "a", "b", "context", "traits"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-2, 2)
    | st.sampled_from(["", "a", "ab", "abc", "track", "5"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.dictionaries(NAMES, VALUES, max_size=6)

LITERALS = st.sampled_from(["`1`", "`0`", "`true`", "`null`", "'a'", "''", "`[]`", "`{}`", "`-1.5`", '`"ab"`'])


def _expressions() -> st.SearchStrategy[str]:
    base = NAMES | LITERALS | st.just("@")

    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            st.tuples(inner, NAMES).map(lambda p: f"({p[0]}).{p[1]}"),
            pairs.map(lambda p: f"({p[0]}) || ({p[1]})"),
            pairs.map(lambda p: f"({p[0]}) && ({p[1]})"),
            st.tuples(inner, st.sampled_from(["==", "!=", "<", ">="]), inner).map(
                lambda p: f"({p[0]}) {p[1]} ({p[2]})"
            ),
            pairs.map(lambda p: f"({p[0]}) | ({p[1]})"),
            inner.map(lambda e: f"!({e})"),
            inner.map(lambda e: f"({e})[0]"),
            inner.map(lambda e: f"({e})[-1]"),
            inner.map(lambda e: f"({e})[1:]"),
            inner.map(lambda e: f"({e})[*] | [0]"),
            st.tuples(inner, NAMES).map(lambda p: f"({p[0]})[*].{p[1]}"),
            st.tuples(inner, NAMES).map(lambda p: f"({p[0]}).*.{p[1]}"),
            inner.map(lambda e: f"({e})[]"),
            pairs.map(lambda p: f"({p[0]})[?{p[1]}]"),
            pairs.map(lambda p: f"({p[0]}).{{a: {p[1]}, b: a}}"),
            pairs.map(lambda p: f"({p[0]}).[{p[1]}, b]"),
            inner.map(lambda e: f"length({e})"),
            inner.map(lambda e: f"to_string({e})"),
            inner.map(lambda e: f"not_null({e}, 'x')"),
            inner.map(lambda e: f"type({e})"),
            inner.map(lambda e: f"sort_by({e}, &a)"),
            inner.map(lambda e: f"map(&a, {e})"),
            inner.map(lambda e: f"lower({e})"),
        )

    # What the checks at load refuse (a literal of a type that the function does not take) never runs.
    return st.recursive(base, extend, max_leaves=8).filter(_is_accepted)


def _is_accepted(text: str) -> bool:
    try:
        PARSER.parse(text)
    except ExpressionError:
        return False
    return True


def _outcome(run: Any) -> tuple[str, Any]:
    """Return a value with its JSON types told apart, or the kind of exception."""
    try:
        return "value", repr(run())
    except Exception as error:  # noqa: BLE001 - whatever one path raises the other must raise
        return "error", type(error).__name__


@given(_expressions(), VALUES)
@settings(max_examples=600, deadline=None)
def test_compiled_expressions_equal_the_interpreter(text: str, value: Any) -> None:
    """The compiled path gives what jmespath.py's interpreter gives, errors included."""
    expression = PARSER.parse(text)
    assert _outcome(lambda: compile_expression(expression).function(value)) == _outcome(
        lambda: expression.search(value)
    )


@given(_expressions().filter(lambda text: "lower" not in text), VALUES)
@settings(max_examples=150, deadline=None)
def test_the_interpreter_is_jmespath(text: str, value: Any) -> None:
    """Without functions of ours, an expression means what plain jmespath.py says."""
    assert _outcome(lambda: PARSER.parse(text).search(value)) == _outcome(lambda: jmespath.search(text, value))


FIELDS = st.recursive(
    (
        _expressions()
        | st.tuples(_expressions(), _expressions()).map(lambda p: f"x {{{{ {p[0]} }}}} y {{{{ {p[1]} }}}}")
    ).map(lambda text: parse_field_text(text, PARSER))
    | SCALARS.map(Constant),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: Items(tuple(items)))
        | st.dictionaries(NAMES, inner, max_size=3).map(lambda fields: Record(tuple(fields.items())))
    ),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(NAMES, FIELDS, max_size=4), min_size=1, max_size=3), EVENTS)
@settings(max_examples=200, deadline=None)
def test_compiled_fields_equal_their_plain_reading(mappings: list[dict[str, Any]], event: dict[str, Any]) -> None:
    """Mappings compiled together give what each field gives when it is evaluated alone."""

    def plainly() -> Any:
        rows = []
        for fields in mappings:
            computed = [(name, field, evaluate(field, event)) for name, field in fields.items()]
            rows.append({name: value for name, field, value in computed if not is_left_out(field, value)})
        return tuple(rows)

    program = compile_fields([("m", fields) for fields in mappings], PARSER.library).function
    left, right = _outcome(lambda: program(event)), _outcome(plainly)
    # Where several fields fail, which one is met first is nobody's promise.
    assert left == right or (left[0] == right[0] == "error")


OPERANDS = {
    "is": SCALARS,
    "in": st.lists(SCALARS.filter(lambda value: value is not None), min_size=1, max_size=3),
    "contains": SCALARS.filter(lambda value: value is not None),
    "starts_with": st.sampled_from(["a", "ab", "tr"]),
    "ends_with": st.sampled_from(["c", "bc", "k"]),
    "matches": st.sampled_from(["a*", "*c", "a?c", "*", "tr*k", "abc"]),
    "gt": st.integers(-2, 2),
    "gte": st.integers(-2, 2),
    "lt": st.sampled_from(["2020-01-01", "2021-01-01T00:00:00Z"]),
    "lte": st.floats(-2, 2),
    "exists": st.just(True),
}
TESTS = st.sampled_from(sorted(OPERANDS)).flatmap(
    lambda name: st.tuples(
        st.sampled_from(["event", "type", "a", "context.traits", "context.a", "length(a)"]), OPERANDS[name]
    ).map(lambda pair: make_test(PARSER.parse(pair[0]), name, pair[1]))
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    TESTS,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
    ),
    max_leaves=5,
)


@given(st.lists(CONDITIONS, max_size=12), st.lists(EVENTS, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_the_index_fires_what_each_trigger_alone_would(triggers: list[Condition], events: list[dict[str, Any]]) -> None:
    """The index fires exactly the triggers that hold when they are evaluated one by one."""
    index = Index(triggers, PARSER.library)
    for event in events:
        expected = tuple(number for number, trigger in enumerate(triggers) if trigger.holds(event))
        assert index.fired(event) == expected
        assert set(expected) <= set(index.candidates(event))


def test_every_positive_operator_is_generated() -> None:
    """The generators above know every operator of the language."""
    assert set(OPERANDS) == set(OPERATORS)


@given(VALUES, st.sampled_from(["a", "context.traits"]), EVENTS)
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ('{} = "a"', '{} != "a"'),
        ("{} in (1, 2)", "{} not in (1, 2)"),
        ('contains({}, "a")', '!contains({}, "a")'),
    ],
)
def test_a_negative_operator_is_the_negation(
    positive: str, negative: str, value: Any, path: str, event: dict[str, Any]
) -> None:
    """Of an operator and its negative twin exactly one holds, on every event."""
    event = event | {"a": value}
    one, other = parse_text(positive.format(path), PARSER), parse_text(negative.format(path), PARSER)
    assert one.holds(event) is not other.holds(event)
