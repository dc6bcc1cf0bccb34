import json
from pathlib import Path
from typing import Any

import pytest

from actions_engine import Engine, Registry
from tests.postgresql import postgresql_server, postgresql_url  # noqa: F401 - fixtures

ROOT = Path(__file__).parents[1]
MAPPINGS = ROOT / "mappings"
#: Facts: the spec's own events, and what the vendors' other clients send for them.
REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The installed plugins."""
    return Registry.from_entry_points()


@pytest.fixture
def academy(registry: Registry) -> Engine:
    """The shipped example."""
    return Engine.load(MAPPINGS / "academy.yaml", registry=registry, environ={"SEGMENT_WRITE_KEY": "wk-secret"})


def event(name: str) -> dict[str, Any]:
    """Read a sample event."""
    loaded: dict[str, Any] = json.loads((MAPPINGS / "events" / f"{name}.json").read_text())
    return loaded
