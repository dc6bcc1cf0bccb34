"""What is measured: the event, the mapping files and the engines that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actions_engine import Engine, Registry
from tests.bench.destination import bench

TEXT = (Path(__file__).parent / "event.json").read_bytes().strip()
EVENT: dict[str, Any] = json.loads(TEXT)
UNHEARD: dict[str, Any] = EVENT | {"event": "Nobody Listens"}
ORDER: dict[str, Any] = EVENT | {"event": "Order Completed"}

_FILE_MAPPINGS = 1_000


def engine(folder: Path) -> Engine:
    """Load a folder with the benchmark's destination alone."""
    return Engine.load(folder, registry=Registry([bench]), environ={})


def write_mappings(folder: Path, count: int) -> Path:
    """Write so many mappings, every field spelled out; the first two hear Button Clicked, the others other events."""
    folder.mkdir(parents=True)
    for start in range(0, count, _FILE_MAPPINGS):
        numbers = range(start, min(start + _FILE_MAPPINGS, count))
        text = "".join(_mapping(number) for number in numbers)
        (folder / f"bench{start // _FILE_MAPPINGS:03}.yaml").write_text(f"destination: bench\nmappings:\n{text}")
    return folder


def write_instances(folder: Path, count: int) -> Path:
    """Write so many instances, each with the 10-field action's default fields on Order Completed."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"bench{number:02}.yaml").write_text(
            "destination: bench\nmappings:\n  - {name: Orders, action: click, trigger: {event: Order Completed}}\n"
        )
    return folder


def write_events(path: Path, size: int) -> int:
    """Write at least `size` bytes of events as JSON Lines, each with ids of its own; return how many."""
    count = 0
    with path.open("wb") as file:
        while file.tell() < size:
            event = EVENT | {"messageId": f"ajs-{count:08}", "userId": f"user-{count % 5_000}"}
            if count % 10 == 9:
                event["event"] = f"Event {count % 1_000}"
            file.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
            count += 1
    return count


def _mapping(number: int) -> str:
    """Return a mapping as YAML; even numbers click, odd ones identify."""
    heard = "Button Clicked" if number < 2 else f"Event {number}"
    action = bench.actions["clicker" if number % 2 else "click"]
    exists = "      context.traits: {exists: true}\n" if number % 2 else ""
    fields = "".join(f"      {name}: {json.dumps(text)}\n" for name, text in action.defaults().items())
    return (
        f"  - name: Mapping {number}\n    action: {action.name}\n"
        f"    trigger:\n      event: {heard}\n{exists}    fields:\n{fields}"
    )
