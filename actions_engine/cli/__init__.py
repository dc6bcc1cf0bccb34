"""The command: parse, call, print. Exit codes: 0, 1 where problems were found, 2 for wrong usage."""

from __future__ import annotations

import click

from actions_engine import __version__
from actions_engine.cli.check import check
from actions_engine.cli.check_events import check_events
from actions_engine.cli.codes import show_codes
from actions_engine.cli.demo import demo
from actions_engine.cli.diff import diff
from actions_engine.cli.explain import explain
from actions_engine.cli.fmt import fmt
from actions_engine.cli.new import new
from actions_engine.cli.plugins import plugins
from actions_engine.cli.route import route
from actions_engine.cli.schema import schema
from actions_engine.cli.test import run_tests
from actions_engine.cli.watch import watch


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="actions-engine")
def main() -> None:
    """Route customer events to destinations by mappings written in YAML."""


main.add_command(check)
main.add_command(show_codes)
main.add_command(check_events)
main.add_command(demo)
main.add_command(diff)
main.add_command(explain)
main.add_command(fmt)
main.add_command(new)
main.add_command(plugins)
main.add_command(route)
main.add_command(run_tests)
main.add_command(schema)
main.add_command(watch)
