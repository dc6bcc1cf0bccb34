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
from actions_engine.testing import requests_for
from actions_engine_hubspot import hubspot
from actions_engine_intercom import intercom
from tests.plugins.steps import answer, run

FILE = yaml.safe_load((Path(__file__).parent / "values_of_people.yaml").read_text())
CASES = [(destination, case) for destination, cases in FILE["cases"].items() for case in cases]


@pytest.mark.parametrize(
    ("destination", "case"), CASES, ids=[f"{destination}: {case['name']}" for destination, case in CASES]
)
def test_a_value_as_it_really_is(destination: str, case: dict[str, Any], registry: Registry, tmp_path: Path) -> None:
    """The event becomes what the case says: its request or its payload, the fields with a note, and what is rejected."""
    content = {"destination": destination, "settings": FILE["settings"][destination] | case.get("settings", {})}
    mapping = {"name": "m", "action": case.get("action", ""), "fields": case.get("fields", {})}
    content |= {"mappings": [mapping]} if "action" in case else {"presets": "all"}
    file = tmp_path / "m.yaml"
    file.write_text(json.dumps(content))
    engine = Engine.load(file, registry=registry, environ={})
    routing = engine.route(FILE["event"] | case["event"])
    rejected = [fault.field for rejection in routing.rejections for fault in rejection.faults]
    assert rejected == case.get("rejected", []), routing.rejections
    assert [note.field for call in routing.calls for note in call.notes] == case.get("noted", [])
    if "payload" in case:
        assert [call.payload.body() for call in routing.calls] == [case["payload"]]
    requests = [{"url": request.full_url(), "body": request.json} for request in engine.requests(routing.calls)]
    for path, right in case.get("right", {}).items():
        assert jmespath.search(path, requests) == right, (path, requests)
    assert bool(requests) is (case.get("fires", True) and not case.get("rejected"))


def test_intercoms_version_is_pinned() -> None:
    """What the app is set to does not change what is sent."""
    event = FILE["event"] | {"type": "identify"}
    for action in ("identify", "track"):
        (request,) = requests_for(intercom, event, action=action, settings=FILE["settings"]["intercom"])
        assert request.full_headers()["Intercom-Version"] == "2.15"


@pytest.mark.parametrize(
    ("version", "paths"),
    [
        (
            {},
            [
                "/crm/v3/objects/companies/search",
                "/crm/v3/objects/companies",
                "/crm/v3/objects/contacts/a@example.com",
                "/crm/v4/objects/companies/7/associations/default/contacts/7",
                "/events/v3/send",
            ],
        ),
        (
            {"api_version": "2026-09"},
            [
                "/crm/objects/2026-09/companies/search",
                "/crm/objects/2026-09/companies",
                "/crm/objects/2026-09/contacts/a@example.com",
                "/crm/objects/2026-09/companies/7/associations/default/contacts/7",
                "/events/2026-09/send",
            ],
        ),
    ],
)
def test_hubspots_version_is_a_setting(version: dict[str, str], paths: list[str]) -> None:
    """Every path is of the version that the settings name."""
    settings = FILE["settings"]["hubspot"] | version
    company = {"group_id": "acme", "contact_email": "a@example.com"}
    answers = [answer(200, {"results": []}), answer(201, {"id": "7"}), answer(200, {"id": "7"}), answer(200)]
    requests, _ = run(hubspot, "upsert_company", settings, [company], answers)
    requests += run(hubspot, "custom_behavioral_event", settings, [{"event_name": "pe1_a", "utk": "u"}])[0]
    assert [str(request.url).removeprefix("https://api.hubapi.com") for request in requests] == paths
