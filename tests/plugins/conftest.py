"""Databases for the tests of sql."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions_engine_sql import DatabaseTransport
from tests.plugins.sql_tables import opened


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/rows.db"
    found: str = request.getfixturevalue("postgresql_url")
    return found


@pytest.fixture
def transport(url: str) -> Iterator[DatabaseTransport]:
    """An open transport."""
    made = opened(url)
    yield made
    made.close()
