"""`actions-engine fmt`: mapping files in their canonical layout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from actions_engine.authoring.layout import lay_out
from actions_engine.cli.output import replace_file
from actions_engine.errors import Problem
from actions_engine.loading.files import MAX_BYTES, mapping_files, open_source
from actions_engine.wording import counted


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing but the changes, on standard output; exit with 1 likewise.")
def fmt(paths: tuple[Path, ...], check: bool, diff: bool) -> None:
    """Bring the mapping files of PATHS into their canonical layout.

    PATHS are files and folders, by default the folder `mappings`; `-` reads standard input and writes standard output.
    The order of keys, the indentation and blank lines change; the data and the comments never do, which is checked
    before a file is written. A file that cannot be read is told with its place and left as it is.
    """
    if not paths:
        paths = (Path("mappings"),)
        if not paths[0].is_dir():
            raise click.UsageError("there is no folder `mappings` here; name the files or folders to format")
    if paths == (Path("-"),):
        _filter(check, diff)
        return
    problems: list[Problem] = []
    changed = total = 0
    for file in _files(paths, problems):
        total += 1
        changed += _format(file, problems, check, diff)
    for problem in problems:
        click.echo(problem.render(), err=True)
    verb = "would be formatted" if check or diff else "formatted"
    failed = f", {counted(len(problems), 'problem')}" if problems else ""
    click.echo(f"{changed} of {counted(total, 'file')} {verb}{failed}", err=True)
    if problems or (changed and (check or diff)):
        sys.exit(1)


def _files(paths: tuple[Path, ...], problems: list[Problem]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        for file, _name in mapping_files(path, problems):
            if (resolved := file.resolve()) not in seen:
                seen.add(resolved)
                yield file


def _format(file: Path, problems: list[Problem], check: bool, diff: bool) -> bool:
    """Lay one file out; return whether its text changes. What stops it goes to `problems`."""
    found: list[Problem] = []
    source = open_source(file, found)
    if source is None or source.failed:
        problems += found if source is None else source.problems
        return False
    try:
        given = file.read_bytes().decode("utf-8")
        layout = lay_out(given.removeprefix("\ufeff"), str(file))
        problems += layout.problems
        if layout.problems or layout.text == given:
            return False
        if diff:
            _show_diff(given, layout.text, str(file))
        elif check:
            click.echo(f"would format {file}", err=True)
        else:
            replace_file(file, layout.text)
            click.echo(f"formatted {file}", err=True)
    except OSError as error:
        problems.append(Problem("unwritable-file", f"{file}: {error.strerror or error}"))
        return False
    return True


def _filter(check: bool, diff: bool) -> None:
    """Lay out what comes on standard input, as editors ask for it."""
    try:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise click.ClickException(f"stdin: more than {MAX_BYTES:,} bytes are no mapping file")
        given = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"stdin: not UTF-8 at byte {error.start + 1}") from None
    layout = lay_out(given.removeprefix("\ufeff"), "stdin")
    for problem in layout.problems:
        click.echo(problem.render(), err=True)
    if diff:
        _show_diff(given, layout.text, "stdin")
    elif not check:
        sys.stdout.buffer.write((given if layout.problems else layout.text).encode())
    if layout.problems or ((check or diff) and layout.text != given):
        sys.exit(1)


def _show_diff(before: str, after: str, name: str) -> None:
    import difflib  # noqa: PLC0415 - only --diff needs it

    rows = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, f"{name} (formatted)")
    for row in rows:
        click.echo(row if row.endswith("\n") else row + "\n\\ No newline at end of file\n", nl=False)
