"""The documentation is true."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import actions_engine
from actions_engine import DeliverySettings, Registry, testing
from actions_engine.cli import _COMMANDS
from actions_engine.functions import Library
from actions_engine.language.operators import NEGATIONS, OPERATORS
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


def delivery_table() -> str:
    """Return every delivery setting, its default and what it is, as Markdown."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for name, info in DeliverySettings.model_fields.items():
        default = (
            ""
            if info.default is None
            else f"`{info.default:g}`"
            if isinstance(info.default, float)
            else f"`{info.default}`"
        )
        lines.append(f"| `{name}` | {default} | {info.description} |")
    return "\n".join(lines)


@pytest.mark.parametrize(("name", "table"), [("plugins", bundled_table), ("mappings", delivery_table)])
def test_the_tables_are_up_to_date(name: str, table: Callable[[], str]) -> None:
    """The tables of bundled actions and of delivery settings are what the code says."""
    page = ROOT / name / "README.md"
    before, _, rest = page.read_text().partition("<!-- table -->\n")
    written, _, after = rest.partition("<!-- /table -->")
    if os.environ.get("WRITE_TABLE"):
        page.write_text(f"{before}<!-- table -->\n{table()}\n<!-- /table -->{after}")
    else:
        assert written == f"{table()}\n"


def shell(folder: Path, commands: str, environ: dict[str, str]) -> str:
    """Run a page's console block in a folder; return it as it should have been written."""
    shown = []
    for line in commands.splitlines():
        if not line.startswith("$ "):
            continue
        shown.append(line)
        command = line.removeprefix("$ ")
        if command.startswith("cd "):
            folder = folder / command.removeprefix("cd ")
        elif command.startswith("export "):
            environ.update(pair.split("=") for pair in command.removeprefix("export ").split())
        elif not command.startswith("pip install"):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            # Times differ from one run to the next.
            printed = re.sub(
                r"^\.+ +\[100%\]\n| in [\d.]+ ?s( \([\d,]+ events/s\))?", "", done.stdout, flags=re.MULTILINE
            )
            shown += printed.splitlines()
    return "\n".join(shown) + "\n"


def test_the_plugins_page_is_what_happens(tmp_path: Path) -> None:
    """The page's plugin, written as the page says, does what the page shows."""
    page = ROOT / "plugins/README.md"
    text = page.read_text()
    # In place of `pip install -e .`, which would change this environment.
    installed = tmp_path / "installed/actions_engine_ntfy-0.1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: actions-engine-ntfy\nVersion: 0.1.0\n")
    (installed / "entry_points.txt").write_text("[actions_engine]\nntfy = actions_engine_ntfy\n")
    plugin = tmp_path / "actions-engine-ntfy"
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{installed.parent}:{plugin}",
        "COLUMNS": "120",
    }
    first, second = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    module, tests = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    ran = [shell(tmp_path, first, environ)]
    (plugin / "actions_engine_ntfy.py").write_text(module)
    (plugin / "tests/test_ntfy.py").write_text(tests)
    ran.append(shell(plugin, second, environ))
    if os.environ.get("WRITE_TABLE"):
        page.write_text(text.replace(first, ran[0]).replace(second, ran[1]))
    else:
        assert [first, second] == ran


def test_the_plugins_page_names_only_what_there_is() -> None:
    """Every public name on the plugins' page exists, and every name for plugins is on it."""
    page = (ROOT / "plugins/README.md").read_text()
    quoted = set(re.findall(r"`(?:\w+ = )?([A-Z][A-Za-z]+)\b[^`\n]*`", page))
    elsewhere = {*testing.__all__, "StrEnum", "Retry"}
    assert quoted - set(actions_engine.__all__) - elsewhere == set()
    names = set(re.findall(r"\b[A-Z][A-Za-z]+\b|at_least_one_of", page)) & set(actions_engine.__all__)
    assert names >= {
        name for name in actions_engine.__all__ if actions_engine._HOMES[name] in ("payload", "field_types", "request")
    } - {"Call", "encode_json"}


def test_the_language_page_names_everything() -> None:
    """Every operator and every function of ours is on the language's page."""
    page = (ROOT / "mappings/README.md").read_text()
    words = set(re.findall(r"[a-z0-9_]+", page))
    ours = {name for name in Library.standard() if Library.standard()[name].source != "jmespath"}
    assert {*OPERATORS, *NEGATIONS, *ours} - words == set()
