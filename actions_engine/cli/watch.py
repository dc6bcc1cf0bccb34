"""`actions-engine watch`: explain an event again whenever a mapping file or the event is saved."""

from __future__ import annotations

import time
from pathlib import Path

import click

from actions_engine.cli.explain import read_event
from actions_engine.cli.explanation import write_explanation
from actions_engine.engine import Engine
from actions_engine.errors import InputError, MappingError
from actions_engine.registry import Registry

#: Seconds between two looks at the files.
INTERVAL = 0.3


@click.command()
@click.argument("mappings", type=click.Path(exists=True, path_type=Path))
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", "name", help="Explain this mapping alone: its name, or `instance / name`.")
def watch(mappings: Path, event: Path, name: str | None) -> None:
    """Explain what MAPPINGS make of EVENT, and again on each save. Ctrl-C ends it.

    A save that cannot be loaded is answered with its problems; watching goes on.
    """
    registry = Registry.from_entry_points()
    seen: dict[Path, tuple[int, int]] = {}
    fired: set[str] | None = None
    try:
        while True:
            present = _stamps(mappings, event)
            if present != seen:
                seen = present
                click.clear()
                click.echo(f"{time.strftime('%H:%M:%S')}  {mappings} with {event}\n")
                fired = _explain(mappings, event, name, registry, fired)
            time.sleep(INTERVAL)
    except KeyboardInterrupt:
        click.echo()


def _explain(
    mappings: Path, event: Path, name: str | None, registry: Registry, before: set[str] | None
) -> set[str] | None:
    """Explain once and return the mappings that fired; where it cannot be, those of before."""
    try:
        engine = Engine.load(mappings, registry=registry)
        found = read_event(str(event), None)
    except MappingError as error:
        click.echo(str(error))
        return before
    except (InputError, OSError) as error:
        click.echo(str(error) if isinstance(error, InputError) else f"{event}: {error.strerror}")
        return before
    explanation = engine.explain(found, mapping=name)
    write_explanation(explanation, everything=name is not None)
    fired = {f"{trace.instance} / {trace.mapping}" for trace in explanation.mappings if trace.fired}
    if before is not None:
        for label, names in (("fires now", fired - before), ("does not fire any more", before - fired)):
            for changed in sorted(names):
                click.secho(f"{label}: {changed}", fg="cyan")
    return fired


def _stamps(mappings: Path, event: Path) -> dict[Path, tuple[int, int]]:
    files = [mappings] if mappings.is_file() else [*mappings.rglob("*.yaml"), *mappings.rglob("*.yml")]
    stamps: dict[Path, tuple[int, int]] = {}
    for file in [*files, event]:
        try:
            status = file.stat()
        except OSError:
            continue  # an editor replaces a file by way of its absence
        stamps[file] = status.st_mtime_ns, status.st_size
    return stamps
