"""YAML: what is read, what is refused, and where it says so."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions_engine.loading.source import Source


def codes(text: str) -> list[str]:
    return [problem.code for problem in Source("f.yaml", text).problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("country: no", {"country": "no"}), ("a: true", {"a": True}), ("a: yes", {"a": "yes"}), ("a: 1_000", {"a": "1_000"}),
        ("a: 2020-01-01", {"a": "2020-01-01"}), ("a: 010", {"a": 10}), ("a: 0o10", {"a": 8}), ("a: 0x1F", {"a": 31}),
        ("a: 1.5e3", {"a": 1500.0}), ("a: ~", {"a": None}), ("a:", {"a": None}), ("a: 1:30", {"a": "1:30"}),
        ("404: x", {"404": "x"}), ("true: x", {"true": "x"}), ("a: '5'", {"a": "5"}), ("- a\n- [b, {c: d}]", ["a", ["b", {"c": "d"}]]),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}), ("a: !!str 5", {"a": "5"}),
    ],
)  # fmt: skip
def test_yaml_is_read_with_the_core_rules(text: str, value: Any) -> None:
    """Scalars have the types of YAML 1.2's core schema."""
    source = Source("f.yaml", text)
    assert not source.problems
    assert source.root is not None
    assert source.root.plain() == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\na: 2", "duplicate-key"), ("a: !!python/object/apply:os.system [ls]", "yaml-tag"), ("a: !x 1", "yaml-tag"),
        ("a:\n\t- b", "yaml-syntax"), ("a: [1", "yaml-syntax"), ("a: 1\n---\nb: 2", "several-documents"), ("a: *x", "yaml-alias"),
        ("<<: {a: 1}", "yaml-key"), ("? [a]\n: b", "yaml-key"), ("[" * 500 + "]" * 500, "too-deep"), ("a: \x07", "yaml-syntax"),
        ("a: &x [*x]", "yaml-alias"), ("x" * 5_000_001, "too-large"),
    ],
    ids=range(13),
)  # fmt: skip
def test_yaml_is_refused_with_a_place(text: str, code: str) -> None:
    """What mapping files must not hold is a problem with a line."""
    problems = Source("f.yaml", text).problems
    assert code in [problem.code for problem in problems]
    assert all(problem.location is not None for problem in problems)


def test_aliases_that_explode_are_refused_at_once() -> None:
    """A billion laughs cost milliseconds and one problem."""
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    started = time.perf_counter()
    assert codes(text) == ["too-large"]
    assert time.perf_counter() - started < 5


def test_a_large_file_is_read_in_bounded_time() -> None:
    """Nearly 5 MB of mappings are read, or refused, without hanging."""
    text = "mappings:\n" + "- {name: a, action: b}\n" * 200_000
    assert codes(text) == ["too-large"]


@given(st.text(max_size=200) | st.text(alphabet="[]{}:,-&*!|>'\"#%@`?\n\t ab1", max_size=80))
def test_no_text_makes_it_raise(text: str) -> None:
    """Any text is read or is a problem; it never raises."""
    source = Source("f.yaml", text)
    assert all(problem.render() for problem in source.problems)
