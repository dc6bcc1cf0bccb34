"""`actions-engine schema`: what an editor needs to complete and check mapping files."""

from __future__ import annotations

from pathlib import Path

import click

from actions_engine.authoring.schema import as_text, mapping_schema
from actions_engine.cli.output import replace_file
from actions_engine.registry import Registry


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else stdout.")
def schema(output: Path | None) -> None:
    """Write the JSON Schema of mapping files for the installed plugins.

    An editor with a YAML language server completes and checks a file by it that starts with the line
    `# yaml-language-server: $schema=schema.json`. Write it again when plugins were installed or updated.
    """
    registry = Registry.from_entry_points()
    for broken in registry.broken:
        click.echo(f"warning: {broken}", err=True)
    text = as_text(mapping_schema(registry))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        replace_file(output, text)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror or error}") from None
    click.echo(f"wrote {output}: {len(registry.destinations)} destinations", err=True)
