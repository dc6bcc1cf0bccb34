"""One dead destination among five: does the slowest hundredth of the others' calls notice."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time
import urllib.request
from pathlib import Path

from actions_engine import Engine
from actions_engine.delivery.delivery import Delivery
from tests.soak.receiver import receiver

_WELL = ("a", "b", "c", "d")
_A_SECOND = 100


def isolation(folder: Path, rounds: int, seconds: float) -> tuple[float, float]:
    """Return the others' p99 in seconds without the dead destination and with it, the medians of some rounds each."""
    slowest: dict[bool, list[float]] = {False: [], True: []}
    with receiver() as url, socket.create_server(("127.0.0.1", 0), backlog=512) as silent:
        # It takes connections and never answers: the worst way to be dead.
        dead = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for number in range(2 * rounds):
            with_dead = bool(number % 2)
            mappings = folder / f"round{number}"
            mappings.mkdir()
            for name, address in [*((name, f"{url}/{name}") for name in _WELL), *([("dead", dead)] * with_dead)]:
                (mappings / f"{name}.yaml").write_text(
                    f"destination: webhook\nsettings: {{url: '{address}'}}\ndelivery: {{timeout: 1s}}\npresets: all\n"
                )
            asyncio.run(_deliver(Engine.load(mappings, environ={}), folder / f"round{number}.db", seconds))
            with urllib.request.urlopen(f"{url}/waits") as answer:
                waits = sorted(wait for each in json.load(answer).values() for wait in each)
            slowest[with_dead].append(waits[int(len(waits) * 0.99)])
    return statistics.median(slowest[False]), statistics.median(slowest[True])


async def _deliver(engine: Engine, store: Path, seconds: float) -> None:
    """Accept at a light load for some seconds, and wait until the others have theirs."""
    async with Delivery(engine, f"sqlite:///{store}", grace=0.1) as delivery:
        count, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            due = int(passed * _A_SECOND) - count
            await delivery.accept(
                {"type": "track", "event": "A", "messageId": f"{store.name}-{number}", "t": time.time()}
                for number in range(count, count + due)
            )
            count += due
            await asyncio.sleep(1 / _A_SECOND)
        while any(delivery.metrics.total("delivered", name) < count for name in _WELL):
            await asyncio.sleep(0.02)
