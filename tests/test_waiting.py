"""Nothing waits unnamed: what is paused, switched off or of no file any more is told by `run` and by `ledger`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions_engine import Delivery, Engine
from actions_engine.testing import Vendor
from tests.postgresql import postgresql_url  # noqa: F401 - a fixture

MAPPING = """destination: webhook
enabled: {enabled}
settings: {{url: "{url}"}}
mappings:
  - {{name: Send, action: send}}
"""


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "actions_engine", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def vendor() -> Any:
    """A vendor that takes everything."""
    with Vendor() as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of store."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return str(tmp_path / "calls.db")


@pytest.fixture
def written(tmp_path: Path, vendor: Vendor) -> Callable[..., Path]:
    """Return a function that writes a folder with one mapping file."""

    def write(*, name: str = "hook", enabled: str = "true") -> Path:
        folder = tmp_path / "mappings"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / f"{name}.yaml").write_text(MAPPING.format(enabled=enabled, url=vendor.url))
        return folder

    return write


def accept(folder: Path, store: str, *numbers: int) -> None:
    """Accept events and send nothing."""
    with Delivery(Engine.load(folder, environ={}), store, deliver=False).in_thread() as delivery:
        delivery.accept([{"type": "track", "event": "E", "messageId": f"m{number}"} for number in numbers])


def ledger(store: str) -> dict[str, Any]:
    done = command("ledger", "--store", store, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_pause_holds_calls_and_loses_none(store: str, written: Callable[..., Path], vendor: Vendor) -> None:
    """A paused destination gets nothing, `run` and `ledger` say why, and after `resume` it gets all."""
    folder = written()
    accept(folder, store, 1, 2, 3)
    paused = command("pause", "hook", "--store", store, "--reason", "they move house")
    assert (paused.returncode, paused.stdout) == (0, "")
    assert "3 calls pending" in paused.stderr
    ran = command("run", folder, "--store", store)
    assert ran.returncode == 1, "what waits needs a person"
    assert "paused by hand: they move house" in ran.stderr
    assert vendor.received == []
    assert [(row["instance"], row["calls"], row["reason"]) for row in ledger(store)["waiting"]] == [
        ("hook", 3, "paused by hand: they move house")
    ]
    assert command("resume", "hook", "--store", store).returncode == 0
    ran = command("run", folder, "--store", store)
    assert ran.returncode == 0, ran.stderr
    assert len(vendor.received) == 3
    assert ledger(store)["waiting"] == []


def test_a_delivery_that_goes_on_hears_of_a_pause(store: str, written: Callable[..., Path], vendor: Vendor) -> None:
    """A pause by another process stops one that is at work, and `resume` lets it go on."""
    folder = written()
    with Delivery(Engine.load(folder, environ={}), store).in_thread() as delivery:
        delivery.accept([{"type": "track", "event": "E", "messageId": "first"}])
        delivery.drain(20)
        assert command("pause", "hook", "--store", store, "--reason", "r").returncode == 0
        time.sleep(1.5)
        delivery.accept([{"type": "track", "event": "E", "messageId": "second"}])
        time.sleep(1.5)
        assert len(vendor.received) == 1
        assert [(row.instance, row.calls) for row in delivery.waiting()] == [("hook", 1)]
        assert command("resume", "hook", "--store", store).returncode == 0
        until = time.monotonic() + 20
        while len(vendor.received) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    assert len(vendor.received) == 2


def test_who_is_not_known_cannot_be_paused(store: str, written: Callable[..., Path]) -> None:
    """A name that the store does not know is wrong usage, with what was probably meant."""
    accept(written(), store, 1)
    for order in (["pause", "--reason", "r"], ["resume"]):
        done = command(*order, "hok", "--store", store)
        assert done.returncode == 2
        assert "did you mean 'hook'" in done.stderr


@pytest.mark.parametrize(
    ("then", "reason"),
    [({"enabled": "false"}, "says `enabled: false`"), ({"name": "renamed"}, "no mapping file is its own any more")],
)
def test_a_file_that_is_switched_off_or_renamed_leaves_no_call_unnamed(
    store: str, written: Callable[..., Path], vendor: Vendor, then: dict[str, str], reason: str
) -> None:
    """`run` ends with 1 and names the calls that it left and why, `ledger` too; with the file back they are sent."""
    accept(written(), store, 1, 2)
    ran = command("run", written(**then), "--store", store)
    assert ran.returncode == 1, ran.stderr
    assert reason in ran.stderr
    (waiting,) = ledger(store)["waiting"]
    assert (waiting["instance"], waiting["calls"]) == ("hook", 2)
    assert reason in waiting["reason"]
    assert vendor.received == []
    ran = command("run", written(), "--store", store)
    assert ran.returncode == 0, ran.stderr
    assert len(vendor.received) == 2
    assert ledger(store)["waiting"] == []
