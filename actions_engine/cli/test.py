"""`actions-engine test`: the examples of mappings."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import click

from actions_engine.authoring.coverage import gaps
from actions_engine.authoring.trial import Result, run_example
from actions_engine.cli.loading import load_engine
from actions_engine.loading.environment import AnyVariable
from actions_engine.wording import counted


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("-k", "words", multiple=True, help="Run the examples whose title holds this text; several: any of them.")
@click.option("-v", "--verbose", is_flag=True, help="Name the examples that pass, too.")
@click.option("--junit-xml", type=click.Path(dir_okay=False, path_type=Path), help="Write the results for a CI server.")
@click.option("--coverage", is_flag=True, help="Show mappings, conditions and fields that no example exercises.")
@click.option("--fail-uncovered", is_flag=True, help="With --coverage: the exit code is 1 where there is one.")
def run_tests(
    paths: tuple[Path, ...], words: tuple[str, ...], verbose: bool, junit_xml: Path | None, coverage: bool,
    fail_uncovered: bool,
) -> None:  # fmt: skip
    """Run the `examples` of the mappings in PATHS (by default `mappings`).

    Environment variables that are not set read as placeholders, so that no secret is needed. The exit code is 1 where
    an example fails.
    """
    results: list[Result] = []
    uncovered = without = 0
    for path in paths or (Path("mappings"),):
        engine = load_engine(path, environ=AnyVariable.of_process())
        started = time.perf_counter()
        for mapping in engine.mappings:
            without += not mapping.examples
            for example in mapping.examples:
                title = f"{mapping.instance.name} / {mapping.name} / {example.name}"
                if not words or any(word.lower() in title.lower() for word in words):
                    results.append(run_example(engine, mapping, example))
                    _show(results[-1], verbose)
        if coverage:
            for gap in gaps(engine):
                uncovered += 1
                click.echo(f"{gap.location}: {gap.what}")
        if junit_xml is not None:
            _write_junit(junit_xml, results, time.perf_counter() - started)
    failed = sum(not result.passed for result in results)
    summary = [f"{len(results) - failed} passed", f"{failed} failed"]
    if without:
        summary.append(f"{counted(without, 'mapping')} without examples")
    if coverage:
        summary.append(f"{uncovered} not covered" if uncovered else "everything covered")
    click.echo(", ".join(summary), err=True)
    if failed or (fail_uncovered and uncovered):
        sys.exit(1)


def _show(result: Result, verbose: bool) -> None:
    if result.passed:
        if verbose:
            click.echo(f"{click.style('passed', fg='green')} {result.title}")
        return
    click.echo(f"{click.style('FAILED', fg='red')} {result.title}")
    click.echo(f"  {result.example.expectation}")
    for line in result.differences:
        click.echo(f"    {line}")


def _write_junit(path: Path, results: list[Result], seconds: float) -> None:
    """Write results as JUnit does: https://github.com/testmoapp/junitxml."""
    failed = sum(not result.passed for result in results)
    suite = ElementTree.Element(
        "testsuite", name="actions-engine", tests=str(len(results)), failures=str(failed), errors="0", skipped="0",
        time=f"{seconds:.3f}",
    )  # fmt: skip
    for result in results:
        place, mapping = result.example.location, result.mapping
        named = {"name": result.example.name, "classname": f"{mapping.instance.name}.{mapping.name}"}
        case = ElementTree.SubElement(suite, "testcase", named, file=place.path, line=str(place.line))
        if not result.passed:
            failure = ElementTree.SubElement(case, "failure", message=_xml(result.differences[0]))
            failure.text = _xml("\n".join((str(result.example.expectation), *result.differences)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _xml(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return "".join(char for char in text if char.isprintable() or char == "\n")
