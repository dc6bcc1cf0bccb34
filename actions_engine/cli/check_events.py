"""`actions-engine check-events`: events against the Segment spec."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
import msgspec

from actions_engine.cli.progress import progress
from actions_engine.errors import InputError, Problem
from actions_engine.inputs.events import read_events, shown_path
from actions_engine.inputs.line import decode_event
from actions_engine.spec.check import check_event
from actions_engine.spec.report import EventReport, Row
from actions_engine.wording import counted


@click.command("check-events")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check_events(files: tuple[str, ...], form: str) -> None:
    """Check the events of FILES (JSON or JSON Lines, also .gz; `-` or none is standard input) against the Segment spec.

    Reports by event name what is wrong: errors break the spec, warnings are legal and probably not meant, hints are
    matters of style. Values are never shown. The exit code is 1 where there were errors. JSON is one object a name.
    """
    paths = files or ("-",)
    report = EventReport()
    with progress(paths, "checking") as advance:
        for path in paths:
            _check_file(path, report, advance)
    rows = report.rows()
    if form == "json":
        for row in rows:
            sys.stdout.buffer.write(msgspec.json.encode(row.as_dict()) + b"\n")
        sys.stdout.buffer.flush()
    else:
        for row in rows:
            if row.findings:
                click.echo(_shown(row))
    _summarise(report, rows)
    if any(row.count_of("error") for row in rows):
        sys.exit(1)


def _check_file(path: str, report: EventReport, advance: Callable[[int], None]) -> None:
    name = shown_path(path)
    for chunk in read_events(path, advance):
        for number, line in enumerate(chunk.lines, start=chunk.first):
            if not line.strip():
                continue
            place = f"{name}:{number}"
            try:
                event = decode_event(line)
            except InputError as error:
                report.add_unreadable(Problem(error.code, str(error)), place)
            else:
                report.add(event, check_event(event), place)


def _shown(row: Row) -> str:
    lines = [f"{row.type} {row.name}".rstrip() + f": {counted(row.count, 'event')}"]
    for one in row.sorted_findings():
        problem = one.problem
        lines.append(f"  {problem.severity}[{problem.code}]: {problem.message}")
        if problem.hint:
            lines.append(f"    hint: {problem.hint}")
        more = ", …" if one.count > len(one.places) else ""
        lines.append(f"    {counted(one.count, 'event')}: {', '.join(one.places)}{more}")
    return "\n".join(lines) + "\n"


def _summarise(report: EventReport, rows: list[Row]) -> None:
    clean = sum(1 for row in rows if not row.findings)
    counts = [
        counted(sum(row.count_of(severity) for row in rows), severity) for severity in ("error", "warning", "hint")
    ]
    seen = f"{counted(report.events, 'event')}, {counted(len(rows), 'name')}"
    click.echo(f"{seen} of which clean: {clean:,}; {', '.join(counts)}", err=True)
    if report.unreadable:
        click.echo(f"not an event: {counted(report.unreadable, 'line')}", err=True)
    if report.capped:
        click.echo(
            f"{report.capped:,} events have names beyond the first {report.max_names:,}; they share a row", err=True
        )
