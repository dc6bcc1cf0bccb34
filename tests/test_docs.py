"""The documentation is true."""

import builtins
import importlib
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import actions_engine
from actions_engine import ActionsEngineError, Delivery, DeliverySettings, Engine, Registry, errors, hookspecs, testing
from actions_engine.cli import _COMMANDS, main
from actions_engine.functions import Library
from actions_engine.language.keys import EXAMPLE_KEYS, FILE_KEYS, MAPPING_KEYS
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
    elsewhere = {*testing.__all__, "Field", "Retry"}
    assert quoted - set(actions_engine.__all__) - elsewhere == set()
    names = set(re.findall(r"\b[A-Z][A-Za-z]+\b|\b[a-z_]{5,}\b", page)) & set(actions_engine.__all__)
    assert names >= {
        name for name in actions_engine.__all__ if actions_engine._HOMES[name] in ("payload", "field_types", "request")
    }
    hooks = {name for name, value in vars(hookspecs).items() if hasattr(value, "actions_engine_spec")}
    assert {hook for hook in hooks if f"`{hook}(" not in page} == set()
    assert {"Drop", "SentCall", "Steps", "RegionalSettings", "Fact", "minor_units"} <= names


def test_the_hooks_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """The page's plugin of hooks, run as it stands: an event is stopped, one is enriched, a function called, a call noted."""
    block = re.search(r"```python hooks\n(.*?)```", (ROOT / "plugins/README.md").read_text(), re.DOTALL)
    assert block is not None
    (tmp_path / "house_rules.py").write_text(block[1])
    spec = importlib.util.spec_from_file_location("house_rules", tmp_path / "house_rules.py")
    assert spec is not None
    assert spec.loader is not None
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    registry = Registry.from_plugins({"house_rules": rules, "jsonl": importlib.import_module("actions_engine_jsonl")})
    assert registry.broken == ()
    fields = "{record: '{who: initials(context.traits.name), from: channel}'}"
    (tmp_path / "m.yaml").write_text(
        f"destination: jsonl\nsettings: {{path: '{tmp_path}/out.jsonl'}}\n"
        f"mappings: [{{name: All, action: append, trigger: {{type: track}}, fields: {fields}}}]\n"
    )
    engine = Engine.load(tmp_path / "m.yaml", registry=registry)
    given = {"type": "track", "event": "E", "userId": "u", "context": {"traits": {"name": "Grace Hopper"}}}
    assert engine.route(given | {"context": {"consent": False}}).dropped == "no consent"
    with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
        delivery.accept([given])
        delivery.drain(timeout=20)
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"who": "GH", "from": "shop"}
    assert rules.AUDIT == ["m append delivered"]


def _commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def test_every_command_and_option_is_documented() -> None:
    """Each command has a sentence and stands in the README; each option says what it does, or shows its choices."""
    readme = (ROOT / "README.md").read_text()
    for name, command in _commands(main):
        assert command.help, name
        assert f"actions-engine {name}" in readme, f"README.md does not name `actions-engine {name}`"
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help or isinstance(option.type, (click.Choice, click.IntRange)), f"{name} {option.name}"


def test_every_setting_of_delivery_is_on_the_languages_page() -> None:
    """What a file may say of delivery is on the page of the language, and so is every key of a file and a mapping."""
    page = (ROOT / "mappings/README.md").read_text()
    for name in (*DeliverySettings.model_fields, *FILE_KEYS, *MAPPING_KEYS, *EXAMPLE_KEYS):
        assert f"`{name}" in page or f"{name}:" in page, name


def test_the_language_page_names_everything() -> None:
    """Every operator and every function of ours is on the language's page."""
    page = (ROOT / "mappings/README.md").read_text()
    words = set(re.findall(r"[a-z0-9_]+", page))
    ours = {name for name in Library.standard() if Library.standard()[name].source != "jmespath"}
    assert {*OPERATORS, *NEGATIONS, *ours} - words == set()


def test_the_tree_of_exceptions_is_true() -> None:
    """The tree that errors.py draws is the one that there is, each class beneath its base."""
    drawn: list[tuple[str, str]] = []
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+Error)\b", line):
            depth = 0 if match[2] == "ActionsEngineError" else len(match[1]) // 4 + 1
            above[depth:] = [match[2]]
            drawn.append((match[2], above[depth - 1] if depth else "Exception"))

    def real(kind: type[Exception]) -> Iterator[tuple[str, str]]:
        if kind.__module__.startswith("actions_engine"):
            yield kind.__name__, kind.__mro__[1].__name__
            for below in kind.__subclasses__():
                yield from real(below)

    for path in sorted((ROOT / "actions_engine").rglob("*.py")):
        if path.name not in ("__main__.py", "__init__.py"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert sorted(drawn) == sorted(set(real(ActionsEngineError)))


def _named(annotation: Any) -> Iterator[type]:
    """Yield the classes of this package that an annotation names."""
    if isinstance(annotation, type) and annotation.__module__.startswith("actions_engine"):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _named(part)


class _Names(dict[str, Any]):
    """What annotations name; what is imported for types alone, from elsewhere, is anything."""

    def __missing__(self, name: str) -> Any:
        if name in vars(builtins):
            raise KeyError(name)
        return Any


#: A host is given them and passes them on; what they are made of is the language's own affair.
_READ_NOT_TAKEN_APART = ("Mapping", "Function", "Library", "Example")


def test_what_public_methods_return_is_public() -> None:
    """Every class of ours that a public class's methods or attributes give can be imported from the package."""
    exported = {name: getattr(actions_engine, name) for name in actions_engine.__all__}
    public = set(filter(inspect.isclass, exported.values()))
    missing = set()
    for kind in public:
        if not kind.__module__.startswith("actions_engine") or kind.__name__ in _READ_NOT_TAKEN_APART:
            continue
        given: list[Any] = []
        for name, member in inspect.getmembers_static(kind):
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(function) and not name.startswith("_") and "actions_engine" in function.__module__:
                names = _Names(exported | function.__globals__)
                given.append(typing.get_type_hints(function, {}, names).get("return"))
        for base in kind.__mro__:
            if base.__module__.startswith("actions_engine"):
                names = _Names(exported | vars(sys.modules[base.__module__]))
                for name, annotation in inspect.get_annotations(base).items():
                    if not name.startswith(("_", "model_")):
                        hint = eval(annotation, {}, names) if isinstance(annotation, str) else annotation  # noqa: S307 - annotations of our own files
                        given.append(hint)
        missing |= {
            f"{kind.__name__}: {found.__name__}" for hint in given for found in _named(hint) if found not in public
        }
    assert missing == set()
