"""`actions-engine plugins`: what is installed."""

from __future__ import annotations

import sys

import click

from actions_engine.destination import Action, Destination
from actions_engine.payload import default_of
from actions_engine.registry import Registry


@click.command()
@click.argument("destination", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def plugins(destination: str | None, form: str) -> None:
    """List destinations with their settings, actions and payload fields, or DESTINATION alone."""
    registry = Registry.from_entry_points()
    if destination is not None and destination not in registry.destinations:
        raise click.UsageError(f"no destination {destination!r}; installed: {', '.join(registry.destinations)}")
    chosen = [registry.destinations[name] for name in sorted(registry.destinations) if destination in (None, name)]
    if form == "json":
        _write_json(chosen)
    else:
        click.echo("\n\n".join(_describe(item) for item in chosen))
    for broken in registry.broken:
        click.echo(f"warning: {broken}", err=True)
    if registry.broken:
        sys.exit(1)


def _describe(destination: Destination) -> str:
    lines = [f"{destination.name}: {destination.title}", "  settings"]
    for name, info in destination.settings.model_fields.items():
        lines.append(f"    {name}{'*' if info.is_required() else ''}  {info.description or ''}")
    for action in destination.actions.values():
        lines += [
            "",
            f"  {action.name}: {action.description.partition(chr(10))[0]}",
            f"    when {action.trigger}",
        ]
        lines += [f"    {line}" for line in _fields(action)]
    if destination.presets:
        lines += ["", f"  presets: {', '.join(destination.presets)}"]
    return "\n".join(lines)


def _fields(action: Action) -> list[str]:
    rows = []
    for name, info in action.payload.model_fields.items():
        marker = default_of(info)
        rows.append(
            (
                name + ("*" if info.is_required() else ""),
                marker.expression if marker else "",
                info.description or "",
            )
        )
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [f"{name:<{widths[0]}}  {default:<{widths[1]}}  {text}".rstrip() for name, default, text in rows]


def _write_json(destinations: list[Destination]) -> None:
    from actions_engine.request import encode_json  # noqa: PLC0415 - text output does without

    for destination in destinations:
        shown = {
            "destination": destination.name,
            "title": destination.title,
            "settings": destination.settings.model_json_schema(),
            "presets": list(destination.presets),
            "actions": [
                {
                    "action": action.name,
                    "description": action.description,
                    "trigger": action.trigger,
                    "defaults": action.defaults(),
                    "payload": action.payload.model_json_schema(),
                }
                for action in destination.actions.values()
            ],
        }
        click.echo(encode_json(shown))
