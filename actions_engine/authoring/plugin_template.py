"""A new plugin's files: a destination that works, its tests, and what publishes it."""

from __future__ import annotations

from collections.abc import Iterator

_PLUGIN = '''"""{title}: say what it does, and where the vendor documents it."""

from typing import Annotated

from pydantic import Field

from actions_engine import Batch, Destination, From, JsonObject, Payload, Request, Secret, Settings


class {Class}Settings(Settings):
    """One account."""

    api_key: Annotated[Secret, Field(description="The account's API key.")]
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://api.{host}.example.com"


class SendEvent(Payload):
    """Something that a user did."""

    event: Annotated[str, From("event", "The event's name.")]
    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None
    properties: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None


{name} = Destination("{name}", settings={Class}Settings, title="{title}")


@{name}.action(trigger='type = "track"', batch=Batch(max_calls=100))
def send_event(settings: {Class}Settings, payloads: list[SendEvent]) -> Request:
    """Send events."""
    # The idempotency key goes where the vendor deduplicates.
    events = [{{"id": payload.idempotency_key}} | payload.body() for payload in payloads]
    return Request.post(
        f"{{settings.endpoint}}/events",
        headers=settings.api_key.bearer(),
        json={{"events": events}},
    )


{name}.preset("Track calls", action="send_event")
'''

_TESTS = '''"""{title}: what every destination owes, and what is special about this one."""

from actions_engine_{name} import {name}

from actions_engine.testing import SAMPLE_EVENTS, conformance, requests_for

test_conformance = conformance({name})


def test_an_event_is_sent_with_its_name() -> None:
    """An event becomes one item of the request's list."""
    (request,) = requests_for(
        {name}, SAMPLE_EVENTS["Button Clicked"], action="send_event", settings={{"api_key": "k"}}
    )
    (item,) = request.json["events"]
    assert item["event"] == "Button Clicked"
'''

_PYPROJECT = """[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "actions-engine-{host}"
version = "0.1.0"
description = "{title} as a destination of actions engine."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["actions-engine"]

[project.entry-points.actions_engine]
{name} = "actions_engine_{name}"

[dependency-groups]
dev = ["pytest>=8"]

[tool.hatch.build.targets.wheel]
only-include = ["actions_engine_{name}.py"]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
"""

_README = """# {title}

A destination of actions engine.

    pip install -e . pytest && pytest       # what every destination owes, and what is special about this one
    actions-engine new mapping {name}       # a mapping file to start from
"""


def plugin_files(name: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a new plugin: path and text.

    Args:
        name: The destination's name, in snake_case.
    """
    words = name.split("_")
    values = {
        "name": name, "host": "-".join(words), "title": " ".join(words).capitalize(),
        "Class": "".join(word.capitalize() for word in words),
    }  # fmt: skip
    for path, text in (
        (f"actions_engine_{name}.py", _PLUGIN), (f"tests/test_{name}.py", _TESTS),
        ("pyproject.toml", _PYPROJECT), ("README.md", _README),
    ):  # fmt: skip
        yield path, text.format(**values)
