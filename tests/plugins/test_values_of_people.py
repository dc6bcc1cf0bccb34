"""Values as they really are, to the vendors that keep people: what is left out, what is turned, what rejects.

The cases stand in values_of_people.yaml: an event, changed in some places, the requests that it becomes, the fields of
which a note tells, and what is rejected.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml

from actions_engine import Engine, Registry

FILE = yaml.safe_load((Path(__file__).parent / "values_of_people.yaml").read_text())
CASES = [(destination, case) for destination, cases in FILE["cases"].items() for case in cases]


@pytest.mark.parametrize(
    ("destination", "case"), CASES, ids=[f"{destination}: {case['name']}" for destination, case in CASES]
)
def test_a_value_as_it_really_is(destination: str, case: dict[str, Any], registry: Registry, tmp_path: Path) -> None:
    """The event becomes what the case says: its request, the fields with a note, and what is rejected."""
    content = {"destination": destination, "settings": FILE["settings"][destination] | case.get("settings", {})}
    mapping = {"name": "m", "action": case.get("action", ""), "fields": case.get("fields", {})}
    content |= {"mappings": [mapping]} if "action" in case else {"presets": "all"}
    file = tmp_path / "m.yaml"
    file.write_text(json.dumps(content))
    engine = Engine.load(file, registry=registry, environ={})
    routing = engine.route(FILE["event"] | case["event"])
    assert [fault.field for rejection in routing.rejections for fault in rejection.faults] == case.get("rejected", [])
    assert [note.field for call in routing.calls for note in call.notes] == case.get("noted", [])
    requests = [{"url": request.full_url(), "body": request.json} for request in engine.requests(routing.calls)]
    for path, right in case.get("right", {}).items():
        assert jmespath.search(path, requests) == right, (path, requests)
    assert bool(requests) is not bool(case.get("rejected"))
