"""Examples of mappings: run by the command, by pytest, and what they leave uncovered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from actions_engine import Engine, MappingError, Registry
from actions_engine.authoring.coverage import gaps
from actions_engine.authoring.trial import run_example
from tests.conftest import ROOT
from tests.test_cases import probe

CASES = yaml.safe_load((Path(__file__).parent / "cases/examples.yaml").read_text(encoding="utf-8"))
HEAD = """destination: probe
mappings:
  - name: Case
    action: send
    invalid: reject
    trigger: {type: track, userId: {exists: true}}
    fields: {name: event, traits: context.traits}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(examples: Any, extra: str = "") -> Engine:
    """Load the mapping with these examples."""
    text = yaml.safe_dump({"examples": examples}, sort_keys=False, width=1000)
    Path("mappings.yaml").write_text(HEAD + "".join(f"    {line}\n" for line in text.splitlines()) + extra)
    return Engine.load("mappings.yaml", registry=Registry([probe]), environ={})


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Running an example says what differs, and nothing where all is as expected."""
    engine = load(case["examples"])
    (mapping,) = engine.mappings
    (example,) = mapping.examples
    result = run_example(engine, mapping, example)
    assert list(result.differences) == case["differences"]
    assert result.passed is not bool(case["differences"])


@pytest.mark.parametrize(
    ("examples", "code"),
    [
        ({"event": {}}, "example-shape"),
        ([5], "example-shape"),
        ([{"expect": "no match"}], "example-shape"),
        ([{"event": 5, "expect": "no match"}], "example-shape"),
        ([{"event": {}, "expect": "nothing"}], "example-shape"),
        ([{"event": {}, "expect": {"$exactly": 5}}], "example-shape"),
        ([{"event": {}}], "example-cannot-fail"),
        ([{"event": {}, "expect": None}], "example-cannot-fail"),
        ([{"event": {}, "expect": {}}], "example-cannot-fail"),
        ([{"event": {}, "expect": {"rejected": ""}}], "example-cannot-fail"),
        ([{"event": {}, "expects": {"name": "A"}, "expect": "no match"}], "unknown-key"),
    ],
)
def test_examples_that_say_nothing_are_problems(examples: Any, code: str) -> None:
    """An example without an event, or that could not fail, is refused with its place."""
    with pytest.raises(MappingError) as caught:
        load(examples)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_coverage_names_what_no_example_exercises() -> None:
    """Mappings, conditions and fields that no example exercises are named with their places."""
    engine = load(
        [{"event": {"type": "track", "event": "A", "userId": "u"}, "expect": {"name": "A"}}],
        "  - {name: Bare, action: send}\n",
    )
    assert [f"{gap.location.line}: {gap.what}" for gap in gaps(engine)] == [
        "3: no example shows when 'Case' does not fire",
        "6: in no example of 'Case' `type` is \"track\" does not hold",
        "6: in no example of 'Case' `userId` exists does not hold",
        "7: in no example of 'Case' the field 'traits' has a value",
        "15: 'Bare' has no example",
    ]


# -- the command and pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "SEGMENT_WRITE_KEY"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False, env=environ, cwd=os.getcwd()
    )


def broken() -> Path:
    """Write a copy of the shipped mappings with one wrong expectation."""
    folder = Path("copy")
    (folder / "events").mkdir(parents=True)
    for event in (ROOT / "mappings/events").iterdir():
        (folder / "events" / event.name).write_bytes(event.read_bytes())
    text = (ROOT / "mappings/academy.yaml").read_text()
    (folder / "academy.yaml").write_text(text.replace("username: testing-123", "username: testing-124"))
    return folder


def test_shipped_mappings_pass_and_are_covered() -> None:
    """The shipped mappings' examples pass without any secret and leave nothing uncovered."""
    done = run("actions_engine", "test", str(ROOT / "mappings"), "--coverage", "--fail-uncovered")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "5 passed, 0 failed, everything covered\n"


def test_a_failure_shows_what_differs() -> None:
    """A failing example is shown field by field with its place; JUnit XML says the same."""
    done = run("actions_engine", "test", str(broken()), "--junit-xml", "out.xml")
    assert done.returncode == 1
    assert done.stdout == (
        "FAILED academy / Identify the clicker / button_clicked.json\n"
        "  copy/academy.yaml:28:17\n"
        '    traits.username: expected "testing-124", found "testing-123"\n'
    )
    (suite,) = ElementTree.parse("out.xml").getroot()  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("5", "1")


def test_examples_are_chosen_by_words() -> None:
    """-k runs the examples whose title holds the text, in any case; -v names those that pass."""
    done = run("actions_engine", "test", str(broken()), "-k", "TRACK", "-v")
    assert done.returncode == 0
    assert [line.split(" / ")[1] for line in done.stdout.splitlines()] == ["Track clicks"] * 2


def test_pytest_collects_mapping_files() -> None:
    """`pytest mappings/` runs the examples as tests and shows what differs without a traceback."""
    folder = broken()
    (folder / "other.yaml").write_text("services: {destination: 5}\n")
    done = run("pytest", str(folder), "-p", "no:cacheprovider", "-q", "--rootdir", str(folder))
    assert done.returncode == 1
    assert "4 passed" in done.stdout
    assert 'traits.username: expected "testing-124", found "testing-123"' in done.stdout
    assert "Traceback" not in done.stdout
    assert "academy.yaml::Identify the clicker::button_clicked.json" in done.stdout


def test_pytest_shows_problems_of_a_file() -> None:
    """A mapping file that cannot be loaded is an error of its collection, told as a load tells it."""
    Path("m.yaml").write_text("destination: segmnt\npresets: all\n")
    done = run("pytest", "m.yaml", "-p", "no:cacheprovider", "-q")
    assert "did you mean 'segment'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_pytest_plugin_is_light() -> None:
    """Where no mapping file is collected, the plugin imports nothing of the engine."""
    code = "import sys, actions_engine.pytest_plugin; print([m for m in sys.modules if m in ('pydantic', 'jmespath', 'yaml')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
