"""Checked events -> a report by their names, in bounded memory however many events there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from actions_engine.errors import Problem, Severity
from actions_engine.spec.names import shown_name, spelling_key
from actions_engine.spec.tables import EVENT_TYPES

#: Rows that a report holds, kinds of problem a row, and places that are told of each.
MAX_NAMES = 10_000
MAX_KINDS = 50
MAX_PLACES = 3

_RANK = {"error": 0, "warning": 1, "hint": 2}


@dataclass(slots=True)
class Finding:
    """A kind of problem that some events of a row have.

    Attributes:
        problem: As it was first found.
        count: How many events have it.
        places: Where the first of them stand.
    """

    problem: Problem
    count: int = 0
    places: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """Events of one call and one name.

    Attributes:
        type: The call; `other` where it is none of the spec's.
        name: A Track event's name, data in it replaced; empty for other calls.
        count: How many events there are.
        places: Where the first of them stand.
        findings: By the problem's code and field.
    """

    type: str
    name: str
    count: int = 0
    places: list[str] = field(default_factory=list)
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def sorted_findings(self) -> list[Finding]:
        """Return the findings, errors first, then the most frequent ones."""
        return sorted(self.findings.values(), key=lambda one: (_RANK[one.problem.severity], -one.count))

    def count_of(self, severity: Severity) -> int:
        """Return how many findings of a severity there are, each event's counted."""
        return sum(one.count for one in self.findings.values() if one.problem.severity == severity)

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "type": self.type,
            "event": self.name,
            "count": self.count,
            "places": self.places,
            "problems": [
                {
                    "severity": one.problem.severity,
                    "code": one.problem.code,
                    "field": one.problem.field,
                    "message": one.problem.message,
                    "hint": one.problem.hint,
                    "count": one.count,
                    "places": one.places,
                }
                for one in self.sorted_findings()
            ],
        }


class EventReport:
    """What is known of the events so far.

    Attributes:
        max_names: How many rows it holds.
        events: How many there were.
        unreadable: How many lines were none.
        capped: Events whose names came after `max_names` others; they share one row.
    """

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self.max_names = max_names
        self.events = 0
        self.unreadable = 0
        self.capped = 0
        self._rows: dict[tuple[str, str], Row] = {}

    def add(self, event: Any, problems: Iterable[Problem], place: str) -> None:
        """Count an event and what is wrong with it; `place` says where it stands."""
        self.events += 1
        self._add(self._row(event), problems, place)

    def add_unreadable(self, problem: Problem, place: str) -> None:
        """Count a line that is no event."""
        self.unreadable += 1
        self._add(self._row_of("unreadable", ""), [problem], place)

    @staticmethod
    def _add(row: Row, problems: Iterable[Problem], place: str) -> None:
        row.count += 1
        if len(row.places) < MAX_PLACES:
            row.places.append(place)
        for problem in problems:
            key = problem.code, problem.field
            finding = row.findings.get(key)
            if finding is None:
                if len(row.findings) >= MAX_KINDS:
                    key = "more", ""
                    problem = Problem("more", "further kinds of problem", severity=problem.severity)  # noqa: PLW2901 - shown in its place
                finding = row.findings.setdefault(key, Finding(problem))
            finding.count += 1
            if len(finding.places) < MAX_PLACES:
                finding.places.append(place)

    def _row(self, event: Any) -> Row:
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(kind, str) or kind not in EVENT_TYPES:
            return self._row_of("other", "")
        name = event.get("event") if kind == "track" else ""
        return self._row_of(kind, shown_name(name) if isinstance(name, str) else "")

    def _row_of(self, kind: str, name: str) -> Row:
        row = self._rows.get((kind, name))
        if row is None:
            if len(self._rows) >= self.max_names and name:
                self.capped += 1
                name = "(further names)"
            row = self._rows.setdefault((kind, name), Row(kind, name))
        return row

    def rows(self) -> list[Row]:
        """Return the rows, those with errors first, then those of the most events."""
        self._find_spellings()

        def rank(row: Row) -> tuple[int, int, str]:
            worst = min((_RANK[one.problem.severity] for one in row.findings.values()), default=len(_RANK))
            return worst, -row.count, row.name

        return sorted(self._rows.values(), key=rank)

    def _find_spellings(self) -> None:
        """Note at each name that it is also written otherwise, at the more frequent one excepted."""
        spellings: dict[str, list[Row]] = {}
        for row in self._rows.values():
            if row.type == "track" and (key := spelling_key(row.name)):
                spellings.setdefault(key, []).append(row)
        for rows in spellings.values():
            usual, *others = sorted(rows, key=lambda row: -row.count)
            for row in others:
                message = f"the same name is also written {usual.name!r}, in {usual.count:,} events"
                problem = Problem(
                    "inconsistent-name", message, severity="warning", hint="one name, one spelling", field="event"
                )  # fmt: skip
                row.findings["inconsistent-name", "event"] = Finding(problem, row.count, row.places)
