"""`actions-engine new`: files to start from."""

from __future__ import annotations

from pathlib import Path

import click

from actions_engine.authoring.starter import starter_file
from actions_engine.cli.new_plugin import plugin
from actions_engine.cli.output import write_new
from actions_engine.errors import ActionsEngineError
from actions_engine.registry import Registry
from actions_engine.wording import did_you_mean


@click.group()
def new() -> None:
    """Write a file to start from."""


@new.command()
@click.argument("destination")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else stdout.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def mapping(destination: str, output: Path | None, force: bool) -> None:
    """Write a mapping file for DESTINATION: what its plugin recommends, spelled out.

    Each mapping has its trigger, every field with its default expression, and an example. Settings read the
    environment.
    """
    registry = Registry.from_entry_points()
    known = registry.destinations.get(destination)
    if known is None:
        broken = next((str(broken) for broken in registry.broken if broken.plugin == destination), "")
        hint = broken or did_you_mean(destination, registry.destinations)
        raise click.UsageError(f"no installed plugin brings the destination {destination!r}; {hint}".rstrip("; "))
    try:
        text = starter_file(known, registry)
    except ActionsEngineError as error:
        raise click.ClickException(f"the plugin's own defaults cannot be read: {error}") from None
    if output is None:
        click.echo(text, nl=False)
        return
    write_new(output, text, force=force)
    click.echo(f"wrote {output}; check it with `actions-engine check {output}`", err=True)


new.add_command(plugin)
