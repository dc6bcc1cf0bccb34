"""`actions-engine check`: what is wrong with mapping files, and what is probably not meant."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from actions_engine.cli.problems import FORMATS, as_github, as_json, as_sarif, as_text
from actions_engine.errors import MappingError, Problem
from actions_engine.loading.environment import AnyVariable
from actions_engine.loading.mappings import load_mappings
from actions_engine.registry import Registry
from actions_engine.wording import counted


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--strict", is_flag=True, help="Warnings count: the exit code is 1 where there is one.")
@click.option("--allow-unset", is_flag=True, help="Pass over environment variables that are not set.")
@click.option("--env-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Read further variables from a file of NAME=value lines.")  # fmt: skip
def check(paths: tuple[Path, ...], form: str, strict: bool, allow_unset: bool, env_file: Path | None) -> None:
    """Check mapping files or folders (by default `mappings`): everything that is wrong, all at once.

    The exit code is 1 where an error was found, with --strict a warning too. `actions-engine codes` explains the codes
    in brackets.
    """
    registry = Registry.from_entry_points()
    for broken in registry.broken:
        click.echo(f"warning: {broken}", err=True)
    variables = dict(os.environ) | (_variables(env_file) if env_file else {})
    environ = AnyVariable(variables) if allow_unset else variables
    problems: list[Problem] = []
    mappings = 0
    for path in paths or (Path("mappings"),):
        found, count = _problems(path, registry, environ)
        problems += found
        mappings += count
    if form == "json":
        click.echo(as_json(problems), nl=False)
    elif form == "github":
        click.echo(as_github(problems), nl=False)
    elif form == "sarif":
        click.echo(as_sarif(problems))
    else:
        click.echo(as_text(problems, in_colour=sys.stdout.isatty()), nl=False)
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    told = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    click.echo(f"{told}; {counted(mappings, 'mapping')} can be used", err=True)
    if errors or (strict and warnings):
        sys.exit(1)


def _problems(path: Path, registry: Registry, environ: Mapping[str, str]) -> tuple[list[Problem], int]:
    try:
        loaded = load_mappings(path, registry, environ)
    except MappingError as error:
        return list(error.problems), 0
    return loaded.warnings, len(loaded.mappings)


def _variables(path: Path) -> dict[str, str]:
    return dict(_lines(path))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"{path}:{number}: a line is NAME=value")
        # The value may be a secret: no message shows it.
        yield name.strip(), value.strip().strip("\"'")
