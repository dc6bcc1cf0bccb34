"""The command: parse, call, print. Exit codes: 0, 1 where problems were found, 2 for wrong usage, 130 for Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from actions_engine import __version__
from actions_engine.cli.environment import read_environment
from actions_engine.cli.leaving import ended, unread

# Each command and the module that it lives in: only the one that is used is imported, so that each starts fast.
_COMMANDS = {
    "check": "check:check",
    "check-events": "check_events:check_events",
    "codes": "codes:show_codes",
    "dead": "dead:dead",
    "demo": "demo:demo",
    "diff": "diff:diff",
    "explain": "explain:explain",
    "fmt": "fmt:fmt",
    "ledger": "ledger:ledger",
    "new": "new:new",
    "notes": "notes:notes",
    "pause": "pause:pause",
    "plugins": "plugins:plugins",
    "resume": "pause:resume",
    "route": "route:route",
    "run": "run:run",
    "schema": "schema:schema",
    "test": "test:run_tests",
    "watch": "watch:watch",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"actions_engine.cli.{module}"), name)
        read_environment(command, (cmd_name,))
        return command

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with unread():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with unread():
            return super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that was asked for, and leave with its exit code."""

        def run() -> Any:
            return super(_Commands, self).main(args, prog_name, complete_var, standalone_mode=False, **extra)

        if standalone_mode:
            sys.exit(ended(run))
        return run()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="actions-engine")
def main() -> None:
    """Route customer events to destinations by mappings written in YAML.

    Every option but --yes and --force can be given by the environment as well: --store is ACTIONS_ENGINE_STORE. Where
    an option's name has several meanings the command's name comes before it: ACTIONS_ENGINE_CHECK_FORMAT.
    """
