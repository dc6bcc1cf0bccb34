"""The function library: every case of cases/functions.yaml, the checks around a function, and a few laws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import ArityError, JMESPathTypeError, UnknownFunctionError, VariadictArityError
from jmespath.functions import Functions

from actions_engine.errors import FunctionError
from actions_engine.functions import Library, function
from actions_engine.functions.types import ExpressionReference

LIBRARY = Library.standard()
CASES = yaml.safe_load(Path(__file__).with_name("cases").joinpath("functions.yaml").read_text("utf-8"))
UNICODE = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | UNICODE
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(UNICODE, inner), max_leaves=10)


def search(expression: str, event: Any) -> Any:
    return jmespath.compile(expression).search(event, options=jmespath.Options(custom_functions=LIBRARY))


def call(name: str, *arguments: Any) -> Any:
    return LIBRARY[name].call(*arguments)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['expression']} in {str(case['event'])[:40]!a}")
def test_case(case: dict[str, Any]) -> None:
    """An expression gives the result, or the error, that its case states."""
    if "error" in case:
        with pytest.raises(FunctionError) as caught:
            search(case["expression"], case["event"])
        assert str(caught.value) == case["error"]
    else:
        result = search(case["expression"], case["event"])
        assert (type(result), result) == (type(case["result"]), case["result"])


def test_every_function_has_cases() -> None:
    """No function of ours is without a case."""
    ours = {name for name in LIBRARY if LIBRARY[name].source == "actions_engine"}
    assert {name for name in ours if not any(f"{name}(" in case["expression"] for case in CASES)} == set()


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_every_function_is_described(name: str) -> None:
    """People who ask for a function get its signature and one line about it."""
    assert LIBRARY[name].signature().startswith(f"{name}(")
    assert LIBRARY[name].description.endswith(".")


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("lower", "lower(subject: string) -> string"),
        ("if", "if(test: any, then: any, otherwise?: any) -> any"),
        ("add", "add(subject: number, others?: number, …) -> number|null"),
        ("split", "split(subject: string, separator: string, count?: number) -> array"),
        ("group_by", "group_by(subject: array, key: expref) -> object"),
        ("sort_by", "sort_by(array: array, expref: expref) -> array"),
    ],
)
def test_signature(name: str, signature: str) -> None:
    """A signature names the parameters, their types, what may be left out or repeated, and the result."""
    assert LIBRARY[name].signature() == signature


def test_counts_of_arguments() -> None:
    """The fewest and the most arguments follow from the defaults and from `*args`."""
    assert (LIBRARY["round"].minimum, LIBRARY["round"].maximum) == (1, 2)
    assert (LIBRARY["pick"].minimum, LIBRARY["pick"].maximum) == (1, None)
    assert (LIBRARY["not_null"].minimum, LIBRARY["not_null"].maximum) == (1, None)


def test_function_takes_unions_and_null() -> None:
    """A subject whose annotation admits null is called with it."""

    def shout(subject: str | None, mark: str = "!") -> str:
        """Shout."""
        return (subject or "nothing") + mark

    made = function(shout, source="acme")
    assert (made.call(None), made.call("x", "?"), made.source) == ("nothing!", "x?", "acme")
    assert made.parameters[0].types == {"string", "null"}


def test_function_names_its_package() -> None:
    """Without a source, a function belongs to the package that defines it."""
    assert function(test_case).source == __name__.partition(".")[0]


def test_function_refuses_other_annotations() -> None:
    """An annotation that is no JSON type is an error that names the function, as is a missing one."""

    def soon(subject: bytes) -> str:
        return str(subject)

    def bare(subject):  # type: ignore[no-untyped-def]
        return subject

    def nothing() -> str:
        return ""

    for implementation, reason in ((soon, "no JSON type"), (bare, "needs a type"), (nothing, "needs a subject")):
        with pytest.raises(TypeError, match=rf"{implementation.__name__}\(\).*{reason}"):
            function(implementation)


@pytest.mark.parametrize("arguments", [("secret@example.com",), ("secret@example.com", 1)])
def test_errors_never_show_the_value(arguments: tuple[Any, ...]) -> None:
    """Neither a wrong type nor Python's own message puts personal data into the error."""

    def whole(subject: str, base: int = 10) -> int:
        """Read a number."""
        return int(subject, base)

    with pytest.raises(FunctionError, match=r"^whole\(\): ") as caught:
        function(whole).call(*arguments)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_expression_references_are_known_by_their_class_name() -> None:
    """Compiled code may pass a class of its own for `&expression`."""

    class _Expression:
        expression = "key"

        def visit(self, expression: str, value: Any) -> Any:
            return value[expression]

    class Sub(_Expression):
        pass

    reference: ExpressionReference = Sub()
    assert call("group_by", [{"key": "a"}], reference) == {"a": [{"key": "a"}]}


@pytest.mark.parametrize("name", sorted(Functions.FUNCTION_TABLE))
@pytest.mark.parametrize("value", [None, True, -1.5, "b", [], [2, 1], ["b", 1], {"a": 1}], ids=repr)
def test_jmespath_functions_are_unchanged(name: str, value: Any) -> None:
    """JMESPath's own functions give jmespath.py's results and raise its errors."""
    arguments = [value] * LIBRARY[name].minimum
    assert outcome(LIBRARY.call_function, name, arguments) == outcome(Functions().call_function, name, arguments)


def outcome(call_function: Callable[[str, list[Any]], Any], name: str, arguments: list[Any]) -> Any:
    try:
        return call_function(name, arguments)
    except (JMESPathTypeError, TypeError) as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("nope(a)", UnknownFunctionError),
        ("lower(a, a)", ArityError),
        ("length()", ArityError),
        ("not_null()", VariadictArityError),
        ("zip()", VariadictArityError),
    ],
)
def test_calls_are_refused_as_by_jmespath(expression: str, error: type[Exception]) -> None:
    """An unknown function and a wrong number of arguments raise what jmespath.py raises."""
    with pytest.raises(error):
        search(expression, {})


def test_library_is_a_value() -> None:
    """A library with more functions is another one; a taken name is refused."""

    def twice(subject: str) -> str:
        """Repeat the text."""
        return subject * 2

    extended = LIBRARY.with_functions([function(twice)])
    assert ("twice" in extended, "twice" in LIBRARY, LIBRARY.get("twice")) == (True, False, None)
    assert list(extended) == sorted(extended)
    assert Library.standard() is LIBRARY
    with pytest.raises(ValueError, match="twice"):
        extended.with_functions([function(twice)])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("replace", ("a" * 1_000, "a", "b" * 1_000)),
        ("multiply", (2**3000, 2**3000)),
        ("divide", (10**400, 3)),
        ("add", (10**400, 1.5)),
        ("round", (1.5, 10**400)),
        ("pad_left", ("a", 10**400)),
        ("split", ("a", ",", float("inf"))),
        ("find_first", ("a", "a", float("nan"))),
        ("to_unix_seconds", (10**400,)),
        ("to_iso8601", ("0001-01-01T00:00:00+14:00",)),
        ("format_datetime", (0, "%Y" * 101)),
        ("format_datetime", (0, "\ud800")),
        ("parse_json", ("[" * 100_000,)),
        ("parse_json", (" " * 1_000_001,)),
        ("parse_json", ('"\ud800"',)),
        ("flatten_object", ({"n" * 5_000: {str(field): 1 for field in range(1_000)}},)),
        ("url_parameter", ("?" + "a=1&" * 1_001, "a")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_results_are_bounded(name: str, arguments: tuple[Any, ...]) -> None:
    """What would take too much memory or time, or cannot be computed, is an error of the function."""
    with pytest.raises(FunctionError, match=rf"^{name}\(\): "):
        call(name, *arguments)


@pytest.mark.parametrize("name", ["flatten_object", "to_json"])
def test_deep_objects_are_refused(name: str) -> None:
    """Objects nested too deeply are an error, not a crash."""
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(FunctionError, match="nested"):
        call(name, deep)


@given(st.dictionaries(UNICODE, VALUES))
def test_items_and_from_items_are_inverse(value: dict[str, Any]) -> None:
    """from_items(items(x)) is x."""
    assert call("from_items", call("items", value)) == value


@given(UNICODE)
def test_base64_round_trip(text: str) -> None:
    """base64_decode(base64_encode(x)) is x."""
    assert call("base64_decode", call("base64_encode", text)) == text


@given(VALUES.filter(lambda value: value is not None))
def test_json_round_trip(value: Any) -> None:
    """parse_json(to_json(x)) is x."""
    assert call("parse_json", call("to_json", value)) == value


@given(UNICODE, st.text(min_size=1, max_size=2))
def test_join_undoes_split(text: str, separator: str) -> None:
    """join(s, split(x, s)) is x."""
    assert call("join", separator, call("split", text, separator)) == text


@given(st.dictionaries(UNICODE, VALUES), st.lists(UNICODE))
def test_pick_and_omit_share_the_fields(value: dict[str, Any], names: list[str]) -> None:
    """What pick leaves out, omit keeps."""
    assert call("pick", value, names) | call("omit", value, names) == value


@given(st.integers(min_value=100_000_000_000, max_value=99_999_999_999_999))
def test_dates_round_trip(millis: int) -> None:
    """to_unix_millis(to_iso8601(x)) is x."""
    assert call("to_unix_millis", call("to_iso8601", millis)) == millis


@given(UNICODE)
def test_hash_email_is_idempotent(text: str) -> None:
    """A hash stays as it is."""
    hashed = call("hash_email", text)
    assert call("hash_email", hashed) == hashed


@given(st.sampled_from([name for name in LIBRARY if LIBRARY[name].source == "actions_engine"]), st.data())
def test_functions_raise_nothing_but_function_errors(name: str, data: st.DataObject) -> None:
    """Whatever an event holds, a function of ours gives a value or a FunctionError."""
    made = LIBRARY[name]
    wild = VALUES | st.floats() | st.text() | st.integers() | st.just(10**400)
    arguments = data.draw(st.lists(wild, min_size=made.minimum, max_size=made.maximum or 4))
    message = f"{name}(): "
    try:
        made.call(*arguments)
    except FunctionError as error:
        message = str(error)
    assert message.startswith(f"{name}(): ")
