"""Options that the environment gives."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from actions_engine.cli import main
from tests.conftest import MAPPINGS

ACADEMY = str(MAPPINGS / "academy.yaml")


def options(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Option]]:
    """Yield every option of every command with the command's whole name."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from options(command, f"{above}{name} ")
        for option in command.params:
            if isinstance(option, click.Option):
                yield f"{above}{name}", option


def test_every_option_has_a_variable() -> None:
    """Each is read from ACTIONS_ENGINE_ and its name; what answers a question beforehand is not."""
    for command, option in options(main):
        name = max(option.opts, key=len).lstrip("-")
        if name in ("yes", "force", "help", "version"):
            assert option.envvar is None, command
            continue
        assert isinstance(option.envvar, str)
        assert option.envvar.startswith("ACTIONS_ENGINE_")
        assert option.envvar.endswith(name.upper().replace("-", "_"))


def test_a_variable_means_one_thing() -> None:
    """Commands that share a variable take the same values for it and mean the same by it."""
    by_variable: defaultdict[str, set[object]] = defaultdict(set)
    for command, option in options(main):
        if option.envvar is not None:
            # Of the store only the words differ: some commands make one.
            meaning = "" if option.opts == ["--store"] else option.help
            choices = getattr(option.type, "choices", ())
            form = type(option.type), tuple(choices), option.multiple, option.is_flag, str(option.default)
            by_variable[str(option.envvar)].add((meaning, *form))
            assert "DEBUG" not in str(option.envvar), command
    assert {name: meanings for name, meanings in by_variable.items() if len(meanings) > 1} == {}


def test_a_store_from_the_environment(tmp_path: Path) -> None:
    """The store need not stand on the command line, and the help says so; an option given there comes first."""
    store = tmp_path / "calls.db"
    environ = {"ACTIONS_ENGINE_STORE": str(store), "SEGMENT_WRITE_KEY": "wk"}
    assert CliRunner().invoke(main, ["run", ACADEMY], env=environ).exit_code == 0
    for command in (["ledger"], ["dead", "list"], ["dead", "drop"]):
        assert CliRunner().invoke(main, command, env=environ).exit_code == 0
        shown = CliRunner().invoke(main, [*command, "--help"]).output
        assert "ACTIONS_ENGINE_STORE" in shown
    other = CliRunner().invoke(main, ["ledger", "--store", str(tmp_path / "other.db")], env=environ)
    assert (other.exit_code, "other.db" in other.output) == (1, True)


@pytest.mark.parametrize(
    ("command", "variable", "value", "expected"),
    [
        (["ledger"], "ACTIONS_ENGINE_LEDGER_FORMAT", "json", '"holds": true'),
        (["ledger"], "ACTIONS_ENGINE_FORMAT", "json", "the ledger balances"),
        (["dead", "list"], "ACTIONS_ENGINE_LIMIT", "none", "Invalid value for '--limit' (env var: 'ACTIONS_ENGINE_LIMIT')"),
        (["run", ACADEMY], "ACTIONS_ENGINE_STORE_EVENTS", "false", "events are not stored"),
    ],
)  # fmt: skip
def test_values_of_every_kind(tmp_path: Path, command: list[str], variable: str, value: str, expected: str) -> None:
    """Choices, numbers and switches are read like those of the command line, and a wrong one names its variable."""
    environ = {"ACTIONS_ENGINE_STORE": str(tmp_path / "calls.db"), "SEGMENT_WRITE_KEY": "wk"}
    CliRunner().invoke(main, ["run", ACADEMY], env=environ)
    assert expected in CliRunner().invoke(main, command, env={**environ, variable: value}).output
