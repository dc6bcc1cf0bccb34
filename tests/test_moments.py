"""Moments as commands show them."""

import json
from pathlib import Path

from click.testing import CliRunner

from actions_engine.cli import main
from actions_engine.store.contract import BY_HAND, Pause, PlannedCall, PlannedEvent
from actions_engine.store.open import store_of


def test_moments_are_text(tmp_path: Path) -> None:
    """`dead list`, `dead show` and `ledger` give moments as ISO 8601 in UTC, to people and to programs."""
    path = str(tmp_path / "calls.db")
    opened = store_of(path)
    opened.open()
    rejected = PlannedCall("k", "i", "d", "m", "a", None, "", "no")
    opened.accept([PlannedEvent("e", b"{}", (rejected,))], now=1_772_445_600.25, configuration="c", dedupe_since=0.0)
    opened.pause(Pause("i", 4_102_444_800.0, "refused"))
    opened.pause(Pause("j", BY_HAND, "by me"))
    opened.close()

    def shown(*command: str) -> str:
        return CliRunner().invoke(main, [*command, "--store", path]).output

    for row in (json.loads(shown("dead", "list", "--format", "json")), json.loads(shown("dead", "show", "1"))):
        assert (row["accepted_at"], row["updated_at"]) == ("2026-03-02T10:00:00.250Z",) * 2
    assert "2026-03-02T10:00:00Z" in shown("dead", "list")
    summary = json.loads(shown("ledger", "--format", "json").splitlines()[-1])
    assert [pause["until"] for pause in summary["pauses"]] == ["2100-01-01T00:00:00.000Z", None]
