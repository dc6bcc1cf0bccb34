"""Load an engine for a command, or say why not and leave."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from actions_engine.engine import Engine
from actions_engine.errors import MappingError
from actions_engine.registry import Registry
from actions_engine.wording import counted


def load_engine(mappings: Path, environ: Mapping[str, str] | None = None) -> Engine:
    """Load mappings with the installed plugins; problems go to standard error and end the command with code 1."""
    registry = Registry.from_entry_points()
    for broken in registry.broken:
        click.echo(f"warning: {broken}", err=True)
    try:
        return Engine.load(mappings, registry=registry, environ=environ)
    except MappingError as error:
        click.echo(str(error), err=True)
        click.echo(f"\n{counted(len(error.problems), 'problem')}; nothing was routed", err=True)
        sys.exit(1)
