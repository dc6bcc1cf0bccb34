"""What is wrong, or probably not meant, in mapping files; the codes; the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from actions_engine import Destination, MappingError, Payload, Problem, Registry, Request, Secret, Settings
from actions_engine.authoring.codes import Code, as_markdown, codes
from actions_engine.cli import main
from actions_engine.loading.mappings import load_mappings
from tests.conftest import MAPPINGS, ROOT
from tests.test_cases import probe

CASES = Path(__file__).parent / "cases/checks.yaml"


class VaultSettings(Settings):
    """Secrets, alone and in a mapping."""

    token: Secret
    headers: Annotated[dict[str, Secret], Field(default_factory=dict)]


class Keep(Payload):
    """Nothing."""


vault = Destination("vault", settings=VaultSettings)


@vault.action(trigger='type = "track"')
def keep(settings: VaultSettings, payload: Keep) -> Request:
    """Keep it."""
    return Request.post("https://example.com")


REGISTRY = Registry([probe, vault])


def problems(content: str | bytes, registry: Registry, environ: dict[str, str], path: str) -> list[Problem]:
    """Return all that a load says of a file."""
    Path(path).write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        return load_mappings(path, registry, environ)[1]
    except MappingError as error:
        return list(error.problems)


def rendered(content: str) -> str:
    """Return all that a load says of a file, as text."""
    found = problems(content, REGISTRY, {"SET": "x"}, "mappings.yaml")
    return "\n\n".join(problem.render() for problem in found)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case["name"]) for case in yaml.safe_load(CASES.read_text() if CASES.exists() else "[]")],
)
def test_case(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is answered with exactly the problems of the case."""
    monkeypatch.chdir(tmp_path)
    assert rendered(case["file"]) == case["rendered"].rstrip("\n")


@pytest.mark.parametrize("code", [pytest.param(code, id=code.name) for code in codes().values() if code.content])
def test_the_example_of_a_code_produces_it(code: Code, registry: Registry, tmp_path: Path) -> None:
    """The catalogue's example shows its code, as severe as the catalogue says."""
    environ = {"SEGMENT_WRITE_KEY": "wk", "WEBHOOK_URL": "https://example.com"}
    assert code.content is not None
    found = problems(code.content, registry, environ, str(tmp_path / "m.yaml"))
    assert (code.name, code.severity) in {(problem.code, problem.severity) for problem in found}


@pytest.mark.parametrize(
    "code", [pytest.param(code, id=code.name) for code in codes("events").values() if code.content]
)
def test_the_example_of_an_events_code_produces_it(code: Code) -> None:
    """The catalogue's event, given to `check-events` as a line, shows its code, as severe as the catalogue says."""
    assert code.content is not None
    done = CliRunner().invoke(main, ["check-events", "--format", "json"], input=code.content + b"\n")
    found = {
        (one["code"], one["severity"]) for line in done.stdout.splitlines() for one in json.loads(line)["problems"]
    }
    assert (code.name, code.severity) in found


# Where what is written is said of events; everything else is said of mapping files.
_OF_EVENTS = ("spec", "inputs")
_SAYS = re.compile(
    r"(?:problem|_problem|Problem|ExpressionError|TriggerError|InputError|_stop)\(\s*"
    r"(?:f?\"[^\"]*\",\s*(?=\"[a-z-]+\"\)))?(?:[\w.]+,\s*)?\"([a-z0-9]+(?:-[a-z0-9]+)*)\""
)


def test_every_code_is_in_the_catalogue() -> None:
    """What the source can say is what the catalogue explains."""
    written: dict[str, set[str]] = {"mappings": set(), "events": {"unreadable-input"}}
    for path in (ROOT / "actions_engine").rglob("*.py"):
        of = "events" if path.parent.name in _OF_EVENTS else "mappings"
        written[of] |= {match[1] for match in _SAYS.finditer(path.read_text(encoding="utf-8"))}
    # What a field's type may be wrong about is decided by a table: `_mismatch` in spec/check.py.
    assert written["mappings"] == set(codes())
    assert written["events"] | {"id-number", "not-iso-8601"} == set(codes("events"))


def test_the_page_of_codes_is_up_to_date() -> None:
    """The page in the mappings folder is what `actions-engine codes --markdown` writes."""
    assert (MAPPINGS / "CODES.md").read_text(encoding="utf-8") == as_markdown()


# -- hostile files

TEXTS = st.sampled_from(
    [
        "probe",
        "send",
        "track",
        "event",
        "userId",
        "{{",
        "{{ a }}",
        "type = ",
        "a ||",
        "properties.x",
        "",
        "${",
        "${X}",
        "'",
    ]
) | st.text(max_size=8)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["destination", "mappings", "name", "action", "trigger", "fields", "omit", "any", "all", "not", "filter",
             "settings", "presets", "enabled", "exists", "in", "gt", "is_not", "$literal", "event", "user_id", "kind"]
        ) | TEXTS,
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
VALID = (
    "destination: probe\nsettings: {key: '${SET}'}\nfilter: {type: [track, page]}\npresets: [Page views]\nmappings:\n"
    "  - name: Case\n    action: send\n    trigger: {event: {in: [A, B]}, any: [{userId: x}, 'type != \"a\"']}\n"
    "    fields: {name: '{{ event }} x', traits: {a: properties.a[0], b: [1, {$literal: {}}]}, kind: \"'a'\"}\n"
    "    omit: [ip]\n"
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a valid file with some pieces cut, doubled or replaced."""
    text = VALID
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(st.sampled_from(["", text[start:end] * 2]) | TEXTS) + text[end:]
    return text


@given(
    mutated()
    | DATA.map(lambda data: yaml.safe_dump({"destination": "probe", "mappings": [data]}))
    | DATA.map(json.dumps)
)
@settings(max_examples=400, deadline=None)
def test_whatever_a_file_holds_is_answered_with_problems(
    tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    """Broken and random files load or are answered with problems, and with nothing else."""
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    for problem in problems(content.encode(errors="surrogatepass"), REGISTRY, {"SET": "x"}, str(path)):
        assert problem.render()


# -- the command


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "SEGMENT_WRITE_KEY"}
    return subprocess.run(
        [sys.executable, "-m", "actions_engine", *arguments],
        capture_output=True, text=True, check=False, env=clean | environ, cwd=ROOT,
    )  # fmt: skip


@pytest.fixture
def doubtful(tmp_path: Path) -> str:
    """A file with one error and one warning."""
    file = tmp_path / "m.yaml"
    file.write_text(
        "destination: segment\nsettings: {write_key: '${SEGMENT_WRITE_KEY}'}\nmappings:\n"
        "  - name: 'A, B: 100%'\n    action: track\n    trigger: {typ: track}\n"
        "  - {name: C, action: trak}\n"
    )
    return str(file)


def test_shipped_mappings_are_beyond_doubt() -> None:
    """The shipped mappings pass, warnings counted, where no secret is at hand."""
    done = run("check", "--strict", "--allow-unset")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "0 errors, 0 warnings; 2 mappings can be used\n"


def test_the_formats(doubtful: str) -> None:
    """Text, JSON Lines, GitHub's commands and SARIF tell the same problems."""
    text = run("check", doubtful, SEGMENT_WRITE_KEY="x")
    assert text.returncode == 1
    assert f"{doubtful}:7:23: error[unknown-action]" in text.stdout
    rows = [
        json.loads(line)
        for line in run("check", doubtful, "--format", "json", SEGMENT_WRITE_KEY="x").stdout.splitlines()
    ]
    assert [(row["code"], row["line"], row["column"]) for row in rows] == [
        ("unknown-path", 6, 15),
        ("unknown-action", 7, 23),
    ]
    github = run("check", doubtful, "--format", "github", SEGMENT_WRITE_KEY="x").stdout.splitlines()
    assert github[1].startswith(
        f"::error file={doubtful},line=7,col=23,title=unknown-action::segment has no action 'trak'"
    )
    sarif = json.loads(run("check", doubtful, "--format", "sarif", SEGMENT_WRITE_KEY="x").stdout)
    (scan,) = sarif["runs"]
    assert [result["ruleId"] for result in scan["results"]] == ["unknown-path", "unknown-action"]
    assert all(
        scan["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] for result in scan["results"]
    )
    assert scan["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 6, "startColumn": 15}


def test_warnings_count_where_they_are_told_to(tmp_path: Path) -> None:
    """A warning is told and passes; with --strict it does not."""
    file = tmp_path / "m.yaml"
    file.write_text(
        "destination: segment\nsettings: {write_key: clear-secret}\nmappings:\n  - {name: A, action: track}\n"
    )
    assert run("check", str(file)).returncode == 0
    done = run("check", str(file), "--strict")
    assert (done.returncode, "warning[secret-in-clear]" in done.stdout) == (1, True)


def test_variables_come_from_a_file(tmp_path: Path) -> None:
    """--env-file sets variables; a line that is none is named without its text."""
    variables = tmp_path / "env"
    variables.write_text("# secrets\nexport SEGMENT_WRITE_KEY='wk'\n\n")
    assert run("check", "--env-file", str(variables)).returncode == 0
    assert run("check").returncode == 1
    variables.write_text("hunter2hunter2\n")
    done = run("check", "--env-file", str(variables))
    assert (done.returncode, "hunter2" in done.stderr, f"{variables}:1" in done.stderr) == (2, False, True)


def test_a_path_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """A missing path is told with its code."""
    done = run("check", str(tmp_path / "nowhere"))
    assert (done.returncode, "error[no-mappings]" in done.stdout) == (1, True)


def test_codes_are_shown() -> None:
    """`codes` lists all of them, or shows one with its example and how to mend it."""
    assert len(run("codes").stdout.splitlines()) == len(codes()) + len(codes("events"))
    shown = run("codes", "never-fires").stdout
    assert "{all: [{type: track}, {type: identify}]}" in shown
    assert codes()["never-fires"].mend in shown
    assert "(error of events)" in run("codes", "missing-type").stdout
    both = run("codes", "missing-field").stdout
    assert "(error of mappings)" in both
    assert "(error of events)" in both
    unknown = run("codes", "never-fire")
    assert (unknown.returncode, "did you mean 'never-fires'?" in unknown.stderr) == (2, True)
