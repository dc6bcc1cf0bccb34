"""The command: parse, call, print. Exit codes: 0, 1 where problems were found, 2 for wrong usage."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from actions_engine import __version__
from actions_engine.errors import InputError, StoreError

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
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise click.ClickException(str(error)) from None
        except StoreError as error:
            raise click.ClickException(f"the store: {error}") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="actions-engine")
def main() -> None:
    """Route customer events to destinations by mappings written in YAML."""
