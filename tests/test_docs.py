"""The documentation is true."""

import os
import re
import subprocess
import sys
from typing import Any

import pytest

import actions_engine
from actions_engine import Registry
from actions_engine.cli import _COMMANDS
from actions_engine.functions import Library
from actions_engine.trigger.operators import NEGATIONS, OPERATORS
from tests.conftest import ROOT


def test_the_readmes_code_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python in the README runs as it stands and routes the example."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(ROOT)
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102 - it is our own page
    assert capsys.readouterr().out.splitlines()[-1] == "POST https://api.segment.io/v1/batch"
    assert os.environ.get("SEGMENT_WRITE_KEY") is None or scope


def test_the_readmes_mapping_is_the_shipped_one() -> None:
    """Every line of the README's YAML stands in the shipped file."""
    (yaml,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shipped = (ROOT / "mappings/academy.yaml").read_text().splitlines()
    assert [line for line in yaml.splitlines() if line not in shipped] == []


def test_the_readmes_explanation_is_what_is_said() -> None:
    """The README's terminal output is what the command prints."""
    page = (ROOT / "README.md").read_text()
    ((command, shown),) = re.findall(r"```text\n\$ actions-engine (explain [^\n]*)\n(.*?)```", page, re.DOTALL)
    environ = {**os.environ, "SEGMENT_WRITE_KEY": "wk"}
    arguments = [sys.executable, "-m", "actions_engine", *command.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=ROOT, env=environ)
    assert done.stdout == shown


def test_every_command_is_in_the_readme() -> None:
    """The README names every command."""
    page = (ROOT / "README.md").read_text()
    assert [name for name in _COMMANDS if name not in page] == []


def bundled_table() -> str:
    """Return every bundled action, its default trigger and how it batches, as Markdown."""
    lines = ["| destination | action | what it does | by default when |", "|---|---|---|---|"]
    for destination in Registry.from_entry_points().destinations.values():
        for action in destination.actions.values():
            what = action.description.partition("\n")[0]
            trigger = action.trigger if len(action.trigger) <= 90 else f"{action.trigger[:87]}…"
            lines.append(f"| {destination.name} | {action.name} | {what} | `{trigger}` |")
    return "\n".join(lines)


def test_the_table_of_bundled_actions_is_up_to_date() -> None:
    """The table in the plugins' page is what the code says."""
    page = ROOT / "plugins/README.md"
    before, _, rest = page.read_text().partition("<!-- table -->\n")
    written, _, after = rest.partition("<!-- /table -->")
    if os.environ.get("WRITE_TABLE"):
        page.write_text(f"{before}<!-- table -->\n{bundled_table()}\n<!-- /table -->{after}")
    else:
        assert written == f"{bundled_table()}\n"


def test_the_plugins_page_names_only_what_there_is() -> None:
    """Every public name on the plugins' page exists."""
    page = (ROOT / "plugins/README.md").read_text()
    for name in ("Email", "HashedEmail", "Phone", "HashedPhone", "HashedText", "Currency", "Number", "Timestamp",
                 "UnixSeconds", "UnixMillis", "Product", "Part", "Secret", "Batch", "Outcome", "Request"):  # fmt: skip
        assert f"`{name}" in page or f" {name}" in page
        assert hasattr(actions_engine, name)


def test_the_language_page_names_everything() -> None:
    """Every operator and every function of ours is on the language's page."""
    page = (ROOT / "mappings/README.md").read_text()
    words = set(re.findall(r"[a-z0-9_]+", page))
    ours = {name for name in Library.standard() if Library.standard()[name].source != "jmespath"}
    assert {*OPERATORS, *NEGATIONS, *ours} - words == set()
