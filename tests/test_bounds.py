"""What an expression may produce and a file may hold is bounded: no mapping takes the process down."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from actions_engine import Engine, FunctionError, MappingError
from actions_engine.cli import main
from actions_engine.compiler.program import compile_expression
from actions_engine.functions import Library
from actions_engine.language.expression import ExpressionParser

EXPLODING = {
    "pipes": "[@,@]|" * 26 + "@",
    "subexpressions": "@" + ".[@,@]" * 26,
    "objects": "{a:@,b:@}|" * 26 + "@",
    "written as text": "to_string(" + "[@,@]|" * 26 + "@)",
    "measured": "length(" + "[@,@]|" * 26 + "@)",
    "compared": "[@,@]|" * 26 + "@ == `1`",
    "encoded": "base64_encode(" * 90 + "properties.text" + ")" * 90,
    "encoded by pipes": "properties.text" + "|base64_encode(@)" * 40,
    "encoded by pipes of percents": "properties.text" + "|url_encode(@)" * 40,
    "joined": "join(properties.text, properties.list)",
    "mapped": "map(&[" + ",".join("@" * 40) + "],properties.list)|map(&[" + ",".join("@" * 40) + "],@)|[]|[]",
    "projected": "properties.list[].[" + ",".join("@" * 40) + "][].[" + ",".join("@" * 40) + "]",
    "filtered": "properties.list[?[@,@]|" + "[@,@]|" * 24 + "[@]]",
}
EVENT = {"type": "track", "event": "E", "properties": {"text": 'a"\u20ac ' * 20_000, "list": ["item"] * 20_000}}


@pytest.mark.parametrize("name", EXPLODING)
def test_an_expression_that_explodes_rejects_its_own_call(tmp_path: Path, name: str) -> None:
    """It ends with a reason, and the call beside it goes on."""
    (tmp_path / "m.yaml").write_text(
        "destination: webhook\nsettings: {url: 'https://h.example.com'}\nmappings:\n"
        '  - {name: Explode, action: send, trigger: {type: track}, fields: {data: "' + EXPLODING[name] + '"}}\n'
        "  - {name: Beside, action: send, trigger: {type: track}, fields: {data: event}}\n"
    )
    engine = Engine.load(tmp_path / "m.yaml")
    routed = engine.route(EVENT)
    assert [call.mapping for call in routed.calls][-1] == "Beside"
    if name != "filtered":
        (rejection,) = routed.rejections
        assert "1,000,000" in str(rejection)


@pytest.mark.parametrize("name", [name for name in EXPLODING if name != "filtered"])
def test_both_ways_to_evaluate_know_the_bound(name: str) -> None:
    """`explain`, which interprets, says what `route`, which compiles, does."""
    expression = ExpressionParser(Library.standard()).parse(EXPLODING[name])
    for evaluate in (expression.search, compile_expression(expression).function):
        with pytest.raises(FunctionError, match="1,000,000"):
            evaluate(EVENT)


@given(st.recursive(
    st.sampled_from(["@", "a", "b.c", "l[]", "l[*].x", "`1`"]),
    lambda inner: st.one_of(
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{x: {}, y: {}}}".format, inner, inner),
        st.builds("({} | {})".format, inner, inner),
        st.builds("to_string({})".format, inner),
        st.builds("{}[]".format, st.builds("[{}]".format, inner)),
    ),
    max_leaves=40,
))  # fmt: skip
def test_measuring_changes_no_result(text: str) -> None:
    """On small input every expression gives what it gives without being measured."""
    expression = ExpressionParser(Library.standard()).parse(text)
    value = {"a": 1, "b": {"c": [1]}, "l": [{"x": 1}, {"x": None}]}
    try:
        found = compile_expression(expression).function(value)
    except FunctionError as error:
        assert "1,000,000" in str(error)
        return
    assert found == expression.search(value)


def test_a_long_list_of_values_is_looked_up(tmp_path: Path) -> None:
    """`in:` with 20,000 values loads and fires on each of them; it took half a minute when its key was made for each."""
    values = ", ".join(f"'value {number}'" for number in range(20_000))
    (tmp_path / "m.yaml").write_text(
        "destination: webhook\nsettings: {url: 'https://h.example.com'}\nmappings:\n"
        f"  - {{name: M, action: send, trigger: {{event: {{in: [{values}]}}}}}}\n"
    )
    engine = Engine.load(tmp_path / "m.yaml")
    for number in (0, 1, 10_000, 19_999):
        assert engine.route({"type": "track", "event": f"value {number}"}).calls
    assert not engine.route({"type": "track", "event": "value 20000"}).calls


def test_two_files_of_one_instance_are_an_error(tmp_path: Path) -> None:
    """`a.yaml` beside `a.yml` is told when it loads, with both files."""
    for name in ("a.yaml", "a.yml"):
        (tmp_path / name).write_text("destination: webhook\nsettings: {url: 'https://h.example.com'}\npresets: all\n")
    with pytest.raises(MappingError, match=r"a\.yml:1:1") as caught:
        Engine.load(tmp_path)
    assert [each.code for each in caught.value.problems if each.severity == "error"] == ["duplicate-instance"]
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert done.exit_code == 1
    assert "a.yaml" in done.output


def test_only_files_are_read_as_mappings(tmp_path: Path) -> None:
    """A device without an end, a pipe without a writer and a folder called `x.yaml` are told, and not waited for."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "pipe.yaml"):
        done = CliRunner().invoke(main, ["check", str(path)])
        assert done.exit_code == 1, done.output
        assert "is no regular file" in done.output
