"""`actions-engine diff`: what a change of mappings does to recorded events."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import click

from actions_engine.authoring.diff import Change, Comparison, compare
from actions_engine.authoring.differences import MISSING, Difference
from actions_engine.authoring.revisions import mappings_at
from actions_engine.cli.loading import load_engine
from actions_engine.cli.progress import progress
from actions_engine.errors import InputError
from actions_engine.inputs.events import read_events, shown_path
from actions_engine.inputs.line import decode_event
from actions_engine.loading.environment import AnyVariable
from actions_engine.wording import counted, shown, shown_apart

_ORDER = ("vanishes", "is rejected", "changes", "appears", "is no longer rejected")


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--events", "files", multiple=True, required=True,
              type=click.Path(exists=True, dir_okay=False, allow_dash=True),
              help="Recorded events: JSON or JSON Lines, also .gz; may be given more than once.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--samples", type=click.IntRange(min=0), default=3, show_default=True, help="Changes shown of each kind.")
@click.option("--exit-code", is_flag=True, help="Leave with 1 where anything differs, as git diff does.")
def diff(old: str, new: str, files: tuple[str, ...], form: str, samples: int, exit_code: bool) -> None:
    """Compare what OLD and NEW mappings make of recorded events: which calls appear, vanish or change.

    OLD and NEW are paths, or git revisions: `main`, `HEAD~1`, `v1.2:mappings/academy.yaml`. Nothing is sent.
    """
    with ExitStack() as stack:
        try:
            paths = [stack.enter_context(mappings_at(text)) for text in (old, new)]
        except InputError as error:
            raise click.UsageError(str(error)) from None
        sides = [load_engine(path, environ=AnyVariable.of_process()) for path in paths]
        advance = stack.enter_context(progress(files, "comparing"))
        unreadable: list[str] = []
        comparison = compare(sides[0], sides[1], _events(files, advance, unreadable), samples=samples)
    for line in unreadable:
        click.echo(line, err=True)
    if form == "json":
        click.echo(_as_json(comparison))
    else:
        click.echo(_as_markdown(comparison) if form == "markdown" else _as_text(comparison), nl=False)
    if unreadable or (exit_code and comparison.differs):
        sys.exit(1)


def _events(files: tuple[str, ...], advance: Callable[[int], None], unreadable: list[str]) -> Iterator[Any]:
    for path in files:
        for chunk in read_events(path, advance):
            for number, line in enumerate(chunk.lines, start=chunk.first):
                if not line.strip():
                    continue
                try:
                    yield decode_event(line)
                except InputError as error:
                    unreadable.append(f"{shown_path(path)}:{number}: {error}")


def _rows(comparison: Comparison) -> list[tuple[str, str, str, int]]:
    rows = [(kind, instance, mapping, count) for (kind, instance, mapping), count in comparison.counts.items()]
    return sorted(rows, key=lambda row: (_ORDER.index(row[0]), row[1:]))


def _summary(comparison: Comparison) -> str:
    events, unchanged = counted(comparison.events, "event"), counted(comparison.unchanged, "call")
    return f"{events}: {unchanged} unchanged, {comparison.counts.total():,} different"


def _as_text(comparison: Comparison) -> str:
    lines = []
    for kind, instance, mapping, count in _rows(comparison):
        lines.append(f"{count:,} x {kind}: {instance} / {mapping}")
        for (inside, name, path), times in comparison.changed_fields.most_common():
            if kind == "changes" and (inside, name) == (instance, mapping):
                lines.append(f"    {path}: in {times:,}")
        for change in _of(comparison, kind, instance, mapping):
            lines += [f"  event {change.event:,} {shown(change.name)}", *(f"    {line}" for line in _lines(change))]
        lines.append("")
    return "\n".join([*lines, _summary(comparison), ""])


def _of(comparison: Comparison, kind: str, instance: str, mapping: str) -> Iterator[Change]:
    for change in comparison.kept:
        if (change.kind, change.instance, change.mapping) == (kind, instance, mapping):
            yield change


def _lines(change: Change) -> Iterator[str]:
    for item in change.fields:
        yield f"{item.path}: {_sides(item)}"
    if change.reason:
        yield f"reason: {change.reason}"
    if change.payload is not None:
        yield f"payload: {shown(change.payload, 200)}"


def _sides(item: Difference) -> str:
    if item.old is MISSING:
        return f"nothing -> {shown(item.new, 100)}"
    if item.new is MISSING:
        return f"{shown(item.old, 100)} -> nothing"
    return " -> ".join(shown_apart(item.old, item.new, 100))


def _as_markdown(comparison: Comparison) -> str:
    """Return the comparison as a comment of a pull request."""
    parts = ["### Mapping changes\n", f"{_summary(comparison)}.\n"]
    rows = _rows(comparison)
    if not rows:
        return "\n".join([*parts, "No call differs.\n"])
    parts.append("| calls | what | destination | mapping | fields |\n|---:|---|---|---|---|")
    for kind, instance, mapping, count in rows:
        fields = [
            f"{_cell(path)} ({times:,})"
            for (inside, name, path), times in comparison.changed_fields.most_common(5)
            if kind == "changes" and (inside, name) == (instance, mapping)
        ]
        parts.append(f"| {count:,} | {kind} | {_cell(instance)} | {_cell(mapping)} | {', '.join(fields)} |")
    parts.append("")
    for kind, instance, mapping, _ in rows:
        samples = list(_of(comparison, kind, instance, mapping))
        if samples:
            title = f"{_cell(instance)} / {_cell(mapping)} {kind}: {len(samples)} of them"
            parts.append(f"<details><summary>{title}</summary>\n\n```text")
            for change in samples:
                # Four backticks or more would end the block; they cannot be meant by any value.
                lines = [f"event {change.event} {shown(change.name)}", *(f"  {line}" for line in _lines(change))]
                parts += [line.replace("```", "'''") for line in lines]
            parts.append("```\n\n</details>\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "\\`")
    return " ".join(escaped.split())


def _as_json(comparison: Comparison) -> str:
    plain = {
        "events": comparison.events,
        "unchanged": comparison.unchanged,
        "changes": [
            {"kind": kind, "instance": instance, "mapping": mapping, "count": count}
            for kind, instance, mapping, count in _rows(comparison)
        ],
        "fields": [
            {"instance": instance, "mapping": mapping, "path": path, "count": count}
            for (instance, mapping, path), count in comparison.changed_fields.most_common()
        ],
        "samples": [_plain(change) for change in comparison.kept],
    }
    return json.dumps(plain, default=str)


def _plain(change: Change) -> dict[str, Any]:
    fields = [
        {"path": item.path}
        | ({} if item.old is MISSING else {"old": item.old})
        | ({} if item.new is MISSING else {"new": item.new})
        for item in change.fields
    ]
    return {
        "kind": change.kind, "instance": change.instance, "mapping": change.mapping, "action": change.action,
        "event": change.event, "name": change.name, "fields": fields, "payload": change.payload,
        "reason": change.reason,
    }  # fmt: skip
