"""Problems as people, programs, GitHub and code scanners read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from actions_engine import __version__
from actions_engine.authoring.codes import codes
from actions_engine.errors import Problem

FORMATS = ("text", "json", "github", "sarif")
_COLOURS = {"error": "red", "warning": "yellow"}


def as_text(problems: Sequence[Problem], *, in_colour: bool = False) -> str:
    """Return problems as text, an empty line between them."""
    rendered = [problem.render() for problem in problems]
    if in_colour:
        rendered = [_coloured(problem, text) for problem, text in zip(problems, rendered, strict=True)]
    return "".join(f"{text}\n\n" for text in rendered)


def _coloured(problem: Problem, text: str) -> str:
    head = f"{problem.severity}[{problem.code}]"
    return text.replace(head, click.style(head, fg=_COLOURS[problem.severity], bold=True), 1)


def as_json(problems: Sequence[Problem]) -> str:
    """Return problems as JSON Lines: code, severity, message, hint, path, line, column and the line's text."""
    return "".join(f"{json.dumps(_plain(problem))}\n" for problem in problems)


def _plain(problem: Problem) -> dict[str, Any]:
    place = problem.location
    return {
        "code": problem.code, "severity": problem.severity, "message": problem.message, "hint": problem.hint,
        "path": place.path if place else None, "line": place.line if place else None,
        "column": place.column if place else None, "text": problem.line,
    }  # fmt: skip


def as_github(problems: Sequence[Problem]) -> str:
    """Return problems as commands of GitHub's workflows, which mark the lines of a pull request.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    lines = []
    for problem in problems:
        place = problem.location
        properties = [f"title={_property(problem.code)}"]
        if place is not None:
            properties = [f"file={_property(place.path)}", f"line={place.line}", f"col={place.column}", *properties]
        message = f"{problem.message}{f' (hint: {problem.hint})' if problem.hint else ''}"
        lines.append(f"::{problem.severity} {','.join(properties)}::{_data(message)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(problems: Sequence[Problem]) -> str:
    """Return problems in SARIF 2.1.0, which code scanners read.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    known = codes()
    used = sorted({problem.code for problem in problems})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": known[code].summary if code in known else code},
            "help": {"text": known[code].mend if code in known else ""},
        }
        for code in used
    ]
    results = [_result(problem, used.index(problem.code)) for problem in problems]
    driver = {"name": "actions-engine", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    text = f"{problem.message}{f' (hint: {problem.hint})' if problem.hint else ''}"
    result: dict[str, Any] = {
        "ruleId": problem.code, "ruleIndex": rule, "level": problem.severity, "message": {"text": text},
    }  # fmt: skip
    if problem.location is not None:
        place = problem.location
        region = {"startLine": place.line, "startColumn": place.column}
        physical = {"artifactLocation": {"uri": place.path.replace("\\", "/")}, "region": region}
        result["locations"] = [{"physicalLocation": physical}]
    return result
