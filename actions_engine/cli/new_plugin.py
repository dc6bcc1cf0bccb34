"""`actions-engine new plugin`: a folder to start a destination from."""

from __future__ import annotations

import re
from pathlib import Path

import click

from actions_engine.authoring.plugin_template import plugin_files


@click.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="The folder to make; by default actions-engine-NAME.")
def plugin(name: str, output: Path | None) -> None:
    """Write a plugin that brings the destination NAME: it works and passes its own tests at once."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 60:
        raise click.UsageError(f"{name[:80]!r}: a destination's name is in snake_case, such as my_vendor")
    folder = output or Path(f"actions-engine-{name.replace('_', '-')}")
    if folder.exists():
        raise click.ClickException(f"{folder} exists; name another folder with --output")
    for path, text in plugin_files(name):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    click.echo(f"wrote {folder}; next: cd {folder} && pip install -e . pytest && pytest", err=True)
