"""A million calls: is memory flat, is the file bounded by the retention, does every call arrive."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from actions_engine import Engine
from actions_engine.delivery.delivery import Delivery
from tests.soak.receiver import receiver

_BATCH = 500
_MOST_PENDING = 5_000
#: Seconds that delivered rows and message ids are kept.
RETENTION = 30.0


class Sample(NamedTuple):
    """How things were when so many calls had been accepted."""

    calls: int
    seconds: float
    memory: int
    file: int


def volume(folder: Path, calls: int) -> tuple[list[Sample], int]:
    """Deliver so many calls; return a sample of each tenth, and how many the ledger says were delivered."""
    with receiver() as url:
        mapping = folder / "volume.yaml"
        mapping.write_text(
            f"destination: webhook\nsettings: {{url: '{url}/'}}\ndelivery: {{concurrency: 32}}\npresets: all\n"
        )
        return asyncio.run(_deliver(Engine.load(mapping, environ={}), folder / "volume.db", calls))


async def _deliver(engine: Engine, path: Path, calls: int) -> tuple[list[Sample], int]:
    samples: list[Sample] = []
    started = time.perf_counter()
    async with Delivery(engine, f"sqlite:///{path}", retention=RETENTION, dedupe_window=RETENTION) as delivery:
        for start in range(0, calls, _BATCH):
            await delivery.accept(_events(start, start + _BATCH))
            while delivery.backlog() > _MOST_PENDING:
                await asyncio.sleep(0.02)
            if (start + _BATCH) % max(_BATCH, calls // 10) < _BATCH:
                sample = Sample(start + _BATCH, time.perf_counter() - started, _memory(), _size(path))
                samples.append(sample)
                sys.stderr.write(
                    f"  {sample.calls:>9,} calls  {sample.seconds:>6.0f} s  {sample.memory / 1e6:>5.0f} MB of memory"
                    f"  {sample.file / 1e6:>5.0f} MB on disk\n"
                )
        await delivery.drain()
        rows = await delivery.ledger()
        assert all(row.holds for row in rows), rows
        return samples, sum(row.delivered for row in rows)


def _events(start: int, end: int) -> Iterator[dict[str, Any]]:
    for number in range(start, end):
        yield {"type": "track", "event": "A", "userId": f"u{number}", "messageId": f"m{number}", "n": number}


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
