"""Mistakes that analysts make, a line each: what is said of them, and that right lines are left in peace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from actions_engine import Engine, MappingError, Registry

CASES = yaml.safe_load((Path(__file__).parent / "cases/mistakes.yaml").read_text(encoding="utf-8"))
HEAD = 'destination: segment\nsettings: {write_key: "${K}"}\nmappings:\n  - name: One\n    action: track\n    '


def told(folder: Path, text: str, registry: Registry) -> list[str]:
    """Return what is said of a file: message and hint of each problem with its line."""
    (folder / "m.yaml").write_text(text, encoding="utf-8")
    try:
        problems = list(Engine.load(folder / "m.yaml", registry=registry, environ={"K": "k"}).warnings)
    except MappingError as error:
        problems = list(error.problems)
    return [f"{item.location.line if item.location else 0}: {item.message} | {item.hint}" for item in problems]


def _id(case: dict[str, Any]) -> str:
    return " ".join(str(value) for value in case.values())[:60]


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_what_is_said_of_a_mistake(case: dict[str, str], tmp_path: Path, registry: Registry) -> None:
    """The line is told with what to write in its place; a right one with nothing."""
    key = next(key for key in ("trigger", "fields", "mapping") if key in case)
    line = case[key] if key == "mapping" else f"{key}: {case[key]}"
    said = told(tmp_path, HEAD + line + "\n", registry)
    if case["says"] == "nothing":
        assert said == []
        return
    assert any(one.startswith("6: ") and case["says"] in one for one in said), said
    assert all(len(one.partition(" | ")[2]) <= 240 for one in said)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ga4", "google_analytics_4"),
        ("facebook", "facebook_conversions"),
        ("postgres", "sql"),
        ("customer.io", "customerio"),
    ],
)
def test_a_destination_by_another_name(name: str, meant: str, tmp_path: Path, registry: Registry) -> None:
    """Names that other systems have for a destination lead to its own."""
    assert any(
        f"did you mean {meant!r}" in one for one in told(tmp_path, f"destination: {name}\npresets: all\n", registry)
    )


def test_two_mappings_of_different_things_repeat_nothing(tmp_path: Path, registry: Registry) -> None:
    """One event that becomes two that differ by a fixed value is no repetition; two alike are."""
    one = HEAD + "trigger: {event: A}\n    fields: {event: {$literal: B}}\n"
    two = "  - {name: Two, action: track, trigger: {event: A}, fields: {event: {$literal: C}}}\n"
    assert told(tmp_path, one + two, registry) == []
    assert "sent twice" in "".join(told(tmp_path, one + two.replace("C}", "B}"), registry))


def test_a_variable_of_nearly_that_name_is_named(tmp_path: Path, registry: Registry) -> None:
    """A misspelt variable is told with the one that is set."""
    text = HEAD.replace("${K}", "${SEGMENT_KY}")
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(MappingError) as caught:
        Engine.load(tmp_path / "m.yaml", registry=registry, environ={"SEGMENT_KEY": "k"})
    assert "SEGMENT_KEY is set" in str(caught.value)
