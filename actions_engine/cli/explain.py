"""`actions-engine explain`: why each mapping fired for an event, or why it did not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from actions_engine.cli.explanation import write_explanation
from actions_engine.cli.loading import load_engine
from actions_engine.engine import Engine
from actions_engine.errors import InputError
from actions_engine.inputs.events import shown_path
from actions_engine.inputs.line import BOM, decode_event
from actions_engine.wording import did_you_mean


@click.command()
@click.argument("mappings", type=click.Path(exists=True, path_type=Path))
@click.argument("event", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--line", type=click.IntRange(min=1), help="The line of EVENT to explain, where it is JSON Lines.")
@click.option("--mapping", "name", help="Explain this mapping alone: its name, or `instance / name`.")
@click.option("--all", "everything", is_flag=True, help="Show the conditions of mappings that did not fire, too.")
@click.option("--source", is_flag=True, help="Show the function that the fields are compiled to.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    mappings: Path, event: str, line: int | None, name: str | None, everything: bool, source: bool, form: str
) -> None:
    """Explain what MAPPINGS make of EVENT, a JSON file (`-` is standard input).

    For each mapping: which conditions held, with the values found, and the first reason where it did not fire; where
    each payload field came from; the request that the call becomes. Nothing is sent. The exit code is 1 where a
    mapping fired and was rejected, or the event is none.
    """
    engine = load_engine(mappings)
    if name is not None:
        _check_name(engine, name)
    found = read_event(event, line)
    explanation = engine.explain(found, mapping=name)
    sources = {}
    if source:
        sources = {
            (mapping.instance.name, mapping.name): engine.source(mapping)
            for mapping in engine.mappings
            if name in (None, mapping.name, f"{mapping.instance.name} / {mapping.name}")
        }
    if form == "json":
        plain = explanation.as_dict()
        for trace in plain["mappings"] if source else ():
            trace["source"] = sources[trace["instance"], trace["mapping"]]
        # Escaped: an event may hold text that is no Unicode.
        click.echo(json.dumps(plain, default=str))
    else:
        write_explanation(explanation, everything=everything or name is not None, sources=sources)
    if explanation.rejections:
        sys.exit(1)


def read_event(path: str, line: int | None) -> Any:
    """Read the event to explain, or say why not and leave with code 1."""
    shown = shown_path(path)
    text = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    if line is not None:
        lines = text.splitlines()
        if line > len(lines):
            raise click.UsageError(f"{shown} has {len(lines):,} lines, and not {line:,}")
        text, shown = lines[line - 1], f"{shown}:{line}"
    try:
        return decode_event(text.removeprefix(BOM) if line in (None, 1) else text)
    except InputError as error:
        is_list = error.code == "event-shape" and text.count(b"\n") > 1
        hint = "; of a file of JSON Lines, name one with --line" if line is None and (is_list or b"\n" in text) else ""
        raise InputError(f"{shown}: {error}{hint}") from None


def _check_name(engine: Engine, name: str) -> None:
    known = {name for item in engine.mappings for name in (item.name, f"{item.instance.name} / {item.name}")}
    if name not in known:
        hint = did_you_mean(name, {item.name for item in engine.mappings})
        raise click.UsageError(f"there is no mapping {name!r}{'; ' + hint if hint else ''}")
