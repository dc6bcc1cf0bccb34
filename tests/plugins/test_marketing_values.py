"""Odd but realistic events, and what the marketing and messaging destinations make of them.

`marketing_values/<destination>.yaml` has the cases: an event (what it says beside a plain track), the mapping where it is
no preset, and what must hold of the requests, of the notes about what was left out or changed, and of the rejections.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml

from actions_engine import Engine, Registry

CASES = Path(__file__).parent / "marketing_values"
PLAIN = {
    "type": "track",
    "event": "Plan Chosen",
    "messageId": "m-1",
    "timestamp": "2026-01-05T10:00:00.000Z",
    "userId": "u-1",
    "anonymousId": "a-1",
}


def _cases() -> list[Any]:
    found = []
    for file in sorted(CASES.glob("*.yaml")):
        content = yaml.safe_load(file.read_text())
        found += [
            pytest.param(file.stem, content["settings"], case, id=f"{file.stem}: {case['case']}")
            for case in content["cases"]
        ]
    return found


def _seen(engine: Engine, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the events became, as data that expressions search."""
    routings = [engine.route(event) for event in events]
    calls = [call for routing in routings for call in routing.calls]
    requests = []
    for request in engine.requests(calls):
        content = request.body()
        shown = {"method": request.method, "headers": request.full_headers()}
        requests.append(shown | {"body": json.loads(content) if content else None})
    return {
        "calls": len(calls),
        "payloads": [call.payload.body() for call in calls],
        "requests": requests,
        "notes": sorted({note.field for call in calls for note in call.notes}),
        "rejections": [rejection.reason for routing in routings for rejection in routing.rejections],
    }


@pytest.mark.parametrize(("destination", "settings", "case"), _cases())
def test_an_odd_value_costs_no_more_than_itself(
    destination: str, settings: dict[str, Any], case: dict[str, Any], registry: Registry, tmp_path: Path
) -> None:
    """Each expression of a case finds what the case says, and only the fields that it names have a note."""
    content: dict[str, Any] = {"destination": destination, "settings": settings}
    if "mapping" in case:
        content["mappings"] = [{"name": "m", "trigger": {"type": {"exists": True}}} | case["mapping"]]
    else:
        content["presets"] = case.get("presets", "all")
    file = tmp_path / "m.yaml"
    file.write_text(json.dumps(content))
    events = case["events"] if "events" in case else [case["event"]]
    whole = [{name: value for name, value in (PLAIN | event).items() if value != "ABSENT"} for event in events]
    seen = _seen(Engine.load(file, registry=registry, environ={}), whole)
    found = {path: jmespath.search(path, seen) for path in case["right"]}
    assert found == case["right"], seen
    assert seen["notes"] == sorted(case.get("notes", [])), seen
